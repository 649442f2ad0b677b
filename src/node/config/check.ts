import { configError, type Place } from './errors.ts'
import type { Rows, Values } from './row.ts'
import { type CheckedFile, LISTS, ROOT, SECTIONS } from './schema.ts'
import { nearest } from './suggest.ts'

export type Table = Readonly<Record<string, unknown>>

const SECTION_NAMES = Object.keys(SECTIONS)
const LIST_NAMES = Object.keys(LISTS)
const TOP_NAMES = [...Object.keys(ROOT), ...SECTION_NAMES, ...LIST_NAMES]

/** A parsed TOML document against the table, key by key. Throws CONFIG_INVALID at the first mistake. */
export function checkFile(document: Table, file: string): CheckedFile {
  const scalars = scalarsOf(document, file)
  const sections = mapValues(SECTIONS, (rows, section) => {
    const at = { file, section }
    const table = tableAt(document, section) ?? {}
    if (!isTable(table)) throw configError(at, `must be a section: write [${section}] on a line of its own, once`)
    return checkTable(table, rows, at)
  })
  const lists = mapValues(LISTS, (rows, section) => {
    const tables = document[section] ?? []
    if (!isTableList(tables))
      throw configError({ file, section }, `must be a list of sections: write [[${section}]] before each`)
    return tables.map((table, index) => checkTable(table, rows, { file, section, index }))
  })
  const root = checkTable(scalars, ROOT, { file, section: '' })
  return { root, sections, lists } as CheckedFile
}

/** What stands before the first section. Throws CONFIG_INVALID at a section that nobody knows. */
export function scalarsOf(document: Table, file: string): Table {
  const scalars: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(document)) {
    if (SECTION_NAMES.includes(name) || LIST_NAMES.includes(name)) continue
    if (isTable(value) || (isTableList(value) && value.length > 0))
      throw configError({ file, section: name }, unknownSection(name))
    scalars[name] = value
  }
  return scalars
}

/** Throws CONFIG_INVALID at the first key that nobody knows there, with the one that was probably meant. */
export function requireKnownKeys(table: Table, rows: Rows, at: Place): void {
  for (const key of Object.keys(table))
    if (!SECTION_NAMES.includes(`${at.section}.${key}`) && !Object.hasOwn(rows, key))
      throw configError({ ...at, key }, unknownKey(key, [...Object.keys(rows), ...sectionsIn(at.section)], at.section))
}

function checkTable<R extends Rows>(table: Table, rows: R, at: Place): Values<R> {
  requireKnownKeys(table, rows, at)
  return mapValues(rows, (row, key) => {
    const place = { ...at, key }
    if (Object.hasOwn(table, key)) return row.read(table[key] as never, place)
    if (row.required) throw configError(place, `is missing: add ${key} = ${row.example}`)
    // A path's default is as relative as if it were written.
    return typeof row.fallback === 'string' ? row.read(row.fallback, place) : row.fallback
  }) as Values<R>
}

/** What stands in a document for `p2p` or `p2p.nat`. */
function tableAt(document: Table, section: string): unknown {
  const [outer = '', inner] = section.split('.')
  const table = document[outer]
  if (inner === undefined || table === undefined) return table
  return isTable(table) ? table[inner] : undefined
}
/** `nat` of `p2p`: sections within a section are its keys, too. */
const sectionsIn = (section: string): string[] =>
  SECTION_NAMES.flatMap((name) => (name.startsWith(`${section}.`) ? [name.slice(section.length + 1)] : []))

function unknownKey(key: string, known: readonly string[], section: string): string {
  const meant = nearest(key, section === '' ? TOP_NAMES : known)
  if (meant !== undefined) return `is not a known key: did you mean ${spelled(meant)}?`
  const home = homesOf(key).find((name) => name !== section)
  if (home !== undefined) return `is not a known key here: it belongs under [${home}]`
  return `is not a known key: known are ${(section === '' ? TOP_NAMES : known).map(spelled).join(', ')}`
}

function unknownSection(name: string): string {
  const meant = nearest(name, [...SECTION_NAMES, ...LIST_NAMES])
  if (meant === undefined)
    return `is not a known section: known are ${[...SECTION_NAMES, ...LIST_NAMES].map(spelled).join(', ')}`
  return `is not a known section: did you mean ${spelled(meant)}?`
}

/** A key or section as it stands in a file; no key has a section's name. */
function spelled(name: string): string {
  if (LIST_NAMES.includes(name)) return `[[${name}]]`
  return SECTION_NAMES.includes(name) ? `[${name}]` : name
}

const homesOf = (key: string): string[] =>
  Object.entries({ ...SECTIONS, ...LISTS }).flatMap(([section, rows]) => (Object.hasOwn(rows, key) ? [section] : []))

export function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}
export const isTableList = (value: unknown): value is readonly Table[] => Array.isArray(value) && value.every(isTable)

function mapValues<T>(
  of: Readonly<Record<string, T>>,
  to: (value: T, key: string) => unknown,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, to(value, key)]))
}
