import type { Read } from './readers.ts'

/** One key of the config file. */
export interface Row<T> {
  readonly read: Read<Exclude<T, undefined>>
  readonly required: boolean
  /** Stands where an optional key is left out. */
  readonly fallback: T | undefined
  /** One line for the operator, written above the key by `renderConfig`. */
  readonly doc: string
  /** What the value looks like, as TOML. */
  readonly example: string
}

export const required = <T>(reader: Read<T>, doc: string, example: string): Row<T> => ({
  read: reader as Row<T>['read'],
  required: true,
  fallback: undefined,
  doc,
  example,
})
export const optional = <T>(reader: Read<T>, doc: string, example: string): Row<T | undefined> => ({
  ...required(reader, doc, example),
  required: false,
})
export const defaulted = <T>(reader: Read<T>, fallback: T, doc: string, example: string): Row<T> => ({
  ...required(reader, doc, example),
  required: false,
  fallback,
})

export type Rows = Readonly<Record<string, Row<unknown>>>
/** Checked values of a table of rows. */
export type Values<R> = { readonly [K in keyof R]: R[K] extends Row<infer T> ? T : never }
