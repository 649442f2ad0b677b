import { fitted, WIDE } from './layout.ts'

/** Readers of JSON from a node, which may be of another version: what is missing or strange is left out, never a crash. */

/** Inner value at a path; undefined wherever the path breaks off. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((v, key) => (isRecord(v) && Object.hasOwn(v, key) ? v[key] : undefined), value)
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

export const listAt = (value: unknown, ...path: readonly string[]): readonly unknown[] => {
  const list = at(value, ...path)
  return Array.isArray(list) ? list : []
}

/** Text safe for a terminal: addresses and the like come from peers, and control characters would drive it. */
export function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const v = at(value, ...path)
  if (typeof v === 'number' || typeof v === 'boolean') return String(v)
  return typeof v === 'string' && v !== '' ? v.replace(/[\p{Cc}\p{Cf}]/gu, '�') : undefined
}

export const numberAt = (value: unknown, ...path: readonly string[]): number | undefined => {
  const v = at(value, ...path)
  return typeof v === 'number' && Number.isFinite(v) ? v : undefined
}

/** What is known of several parts, on one line; undefined if nothing is. */
export const dotted = (...parts: readonly (string | undefined)[]): string | undefined => {
  const known = parts.filter((part) => part !== undefined)
  return known.length === 0 ? undefined : known.join(' · ')
}
export const named = (name: string, value: string | undefined): string | undefined =>
  value === undefined ? undefined : `${name} ${value}`

/** `3 s`, `5 min`, `2 h`, `4 d`. */
export function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`
}

/** Lines of `label  value`; rows without a value are left out. */
export function facts(rows: readonly (readonly [string, string | undefined])[], layout = WIDE): string {
  const known = rows.filter((row): row is readonly [string, string] => row[1] !== undefined)
  const labels = Math.max(...known.map(([label]) => label.length), 0) + 2
  return known
    .map(([label, value]) => label.padEnd(labels) + indented(fitted(value, layout, layout.width - labels), labels))
    .join('\n')
}

const indented = (text: string, by: number): string => text.replaceAll('\n', `\n${' '.repeat(by)}`)

/** Columns of one width each, two spaces apart; names are shortened in all rows if one row is too long. */
export function columns(rows: readonly (readonly string[])[], indent = '  ', layout = WIDE): string {
  const whole = aligned(rows, indent)
  if (whole.split('\n').every((line) => line.length <= layout.width)) return whole
  return fitted(
    aligned(
      rows.map((row) => row.map(layout.short)),
      indent,
    ),
    layout,
    layout.width,
  )
}

function aligned(rows: readonly (readonly string[])[], indent: string): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows.map((row) => (indent + row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')).trimEnd()).join('\n')
}
