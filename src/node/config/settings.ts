import type { CheckedFile } from './schema.ts'

/** Every key of a file as `section.key`, a list of sections as its name, with its checked value as JSON: for comparing two files. */
export type Settings = ReadonlyMap<string, string>

export function settingsOf({ root, sections, lists }: CheckedFile): Settings {
  const settings = new Map<string, string>()
  const note = (key: string, value: unknown) => {
    if (value !== undefined) settings.set(key, JSON.stringify(value))
  }
  for (const [key, value] of Object.entries(root)) note(key, value)
  for (const [section, table] of Object.entries(sections))
    for (const [key, value] of Object.entries(table)) note(`${section}.${key}`, value)
  for (const [name, tables] of Object.entries(lists)) note(name, tables)
  return settings
}

/** Keys whose values differ, sorted. */
export function differingKeys(a: Settings, b: Settings): readonly string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key)).toSorted()
}
