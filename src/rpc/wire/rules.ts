import { isHex } from '../../base/index.ts'

/** What a field must be, beyond its protobuf type. `says` completes "expected …" in errors and in docs/PROTOCOL.md. */
export interface Rule<T> {
  readonly says: string
  /** First violation, or undefined. `at` is the path of the field. */
  check(value: T, at: string): Violation | undefined
}
/** Where a message breaks its shape, and what was expected there. Both texts are ours. */
export interface Violation {
  readonly field: string
  readonly expected: string
}

/** A rule of a single test. */
export function rule<T>(says: string, holds: (value: T) => boolean): Rule<T> {
  return { says, check: (value, at) => (holds(value) ? undefined : { field: at, expected: says }) }
}

export const bytesOf = (length: number): Rule<Uint8Array> => rule(`${length} bytes`, (v) => v.length === length)

/** Printable ASCII without control characters: the same bytes in every encoding, and safe to log. */
export const printable = (max: number): Rule<string> =>
  rule(`1 to ${max} printable ASCII characters`, (v) => v.length <= max && /^[\x20-\x7e]+$/.test(v))

export const lowerHex = (byteLength: number): Rule<string> =>
  rule(`${byteLength * 2} lower-case hex digits`, (v) => isHex(v, byteLength))

export const uint: Rule<number> = rule('an unsigned 32-bit number', (v) => Number.isInteger(v) && v >= 0)
export const bool: Rule<boolean> = rule('true or false', () => true)

/** An `optional` field: unset, or as `inner` says. */
export function maybe<T>(inner: Rule<T>): Rule<T | undefined> {
  return {
    says: `nothing, or ${inner.says}`,
    check: (value, at) => (value === undefined ? undefined : inner.check(value, at)),
  }
}

/** A message field that must be present. */
export function required<T>(inner: Rule<T>): Rule<T | undefined> {
  return {
    says: inner.says,
    check: (value, at) => (value === undefined ? { field: at, expected: inner.says } : inner.check(value, at)),
  }
}

/** A repeated field of at most `max` items. */
export function listOf<T>(inner: Rule<T>, max: number): Rule<T[]> {
  const says = `at most ${max} items, each ${inner.says}`
  return {
    says,
    check(values, at) {
      if (values.length > max) return { field: at, expected: says }
      for (const [i, value] of values.entries()) {
        const violation = inner.check(value, `${at}[${i}]`)
        if (violation) return violation
      }
      return undefined
    },
  }
}

/** What protobuf-es makes of a oneof: the set case and its message, or neither. */
interface Choice {
  readonly case: string | undefined
  readonly value?: unknown
}
type CaseName<T extends Choice> = Exclude<T['case'], undefined>
type CaseValue<T extends Choice, K> = Extract<T, { case: K }>['value']

/** A oneof: exactly one case must be set. */
export function oneOf<T extends Choice>(cases: { readonly [K in CaseName<T>]: Rule<CaseValue<T, K>> }): Rule<T> {
  const says = `one of ${Object.keys(cases).join(', ')}`
  const inner = (name: string): Rule<unknown> | undefined =>
    Object.entries<Rule<unknown>>(cases).find(([key]) => key === name)?.[1]
  return {
    says,
    check(value, at) {
      const chosen = value.case === undefined ? undefined : inner(value.case)
      return chosen === undefined ? { field: at, expected: says } : chosen.check(value.value, at)
    },
  }
}
