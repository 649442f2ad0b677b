import { stringify } from 'smol-toml'
import type { Rows } from './row.ts'
import { LISTS, type ListName, ROOT, SECTIONS, type SectionName } from './schema.ts'

export type DraftValue = string | number | boolean | readonly string[] | Readonly<Record<string, number>>
type DraftTable<R> = { readonly [K in keyof R]?: DraftValue | undefined }

/** What a config file is to say, in TOML's own terms (`poll_interval: '10s'`, paths as they are to stand in the file). */
export type ConfigDraft = DraftTable<typeof ROOT> & {
  readonly [S in SectionName]?: DraftTable<(typeof SECTIONS)[S]>
} & { readonly [L in ListName]?: readonly DraftTable<(typeof LISTS)[L]>[] }

/** A commented config file: what the draft sets stands as a key, everything else as a comment with an example. */
export function renderConfig(draft: ConfigDraft): string {
  const parts = ['# Config of a Countersign node. Every key is explained in config/signer.toml.', table(ROOT, draft)]
  for (const [name, rows] of Object.entries(SECTIONS))
    parts.push(`[${name}]\n${table(rows, draft[name as SectionName] ?? {})}`)
  for (const [name, rows] of Object.entries(LISTS)) {
    const entries = draft[name as ListName] ?? []
    for (const entry of entries) parts.push(`[[${name}]]\n${table(rows, entry)}`)
    if (entries.length === 0) parts.push(`# [[${name}]]\n${table(rows, {})}`)
  }
  return `${parts.join('\n\n')}\n`
}

function table(rows: Rows, values: Readonly<Record<string, unknown>>): string {
  return Object.entries(rows)
    .map(([key, row]) => {
      const value = values[key]
      const line = value === undefined ? `# ${key} = ${row.example}` : `${key} = ${literal(value)}`
      return `# ${row.doc}\n${line}`
    })
    .join('\n')
}

function literal(value: unknown): string {
  if (Array.isArray(value) && value.length > 1) return `[\n${value.map((v) => `  ${literal(v)},\n`).join('')}]`
  // On one line: a table of its own would end the section.
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return `{ ${stringify(value).trimEnd().replaceAll('\n', ', ')} }`
  return stringify({ v: value }).replace(/^v = /, '').trimEnd()
}
