import { isHex } from '../../base/index.ts'

/** What a field must be, beyond its protobuf type. `says` completes "expected …" in errors and in docs/PROTOCOL.md. */
export interface Rule<T> {
  readonly says: string
  /** Most that a value may take, encoded, without its tag and length. The caps of frames follow from it. */
  readonly maxBytes: number
  /** First violation, or undefined. `at` is the path of the field. */
  check(value: T, at: string): Violation | undefined
}
/** Where a message breaks its shape, and what was expected there. Both texts are ours. */
export interface Violation {
  readonly field: string
  readonly expected: string
}

/** A rule of a single test. */
export function rule<T>(says: string, maxBytes: number, holds: (value: T) => boolean): Rule<T> {
  return { says, maxBytes, check: (value, at) => (holds(value) ? undefined : { field: at, expected: says }) }
}

export const bytesOf = (length: number): Rule<Uint8Array> => rule(`${length} bytes`, length, (v) => v.length === length)

/** `min` is 0 or 1. */
export const bytesUpTo = (max: number, min = 0): Rule<Uint8Array> =>
  rule(`${min === 0 ? 'at most' : `${min} to`} ${max} bytes`, max, (v) => v.length >= min && v.length <= max)

/** Printable ASCII without control characters: the same bytes in every encoding, and safe to log. */
export const printable = (max: number): Rule<string> =>
  rule(`1 to ${max} printable ASCII characters`, max, (v) => v.length <= max && /^[\x20-\x7e]+$/.test(v))

export const lowerHex = (byteLength: number): Rule<string> =>
  rule(`${byteLength * 2} lower-case hex digits`, byteLength * 2, (v) => isHex(v, byteLength))

/** The JSON face and protobuf see to it that no number is larger than 32 bits. */
export const uint: Rule<number> = rule('an unsigned 32-bit number', 5, (v) => Number.isInteger(v) && v >= 0)
export const uintFrom = (min: number, max: number): Rule<number> =>
  rule(`a number from ${min} to ${max}`, 5, (v) => Number.isInteger(v) && v >= min && v <= max)
/** A time or a counter in the protobuf type `uint64`. Only what a number can hold exactly. */
export const uint64: Rule<bigint> = rule(
  'an unsigned 53-bit number, as decimal text in JSON',
  8,
  (v) => v >= 0n && v <= BigInt(Number.MAX_SAFE_INTEGER),
)
export const bool: Rule<boolean> = rule('true or false', 1, () => true)

/** An `optional` field: unset, or as `inner` says. */
export function maybe<T>(inner: Rule<T>): Rule<T | undefined> {
  return {
    says: `nothing, or ${inner.says}`,
    maxBytes: inner.maxBytes,
    check: (value, at) => (value === undefined ? undefined : inner.check(value, at)),
  }
}

/** An `optional` field, or one of a message, that must be present. */
export function required<T>(inner: Rule<T>): Rule<T | undefined> {
  return {
    says: inner.says,
    maxBytes: inner.maxBytes,
    check: (value, at) => (value === undefined ? { field: at, expected: inner.says } : inner.check(value, at)),
  }
}

/** An `optional` field that this method does not take: ignoring it would do something else than was asked. */
export const absent = <T>(): Rule<T | undefined> => rule<T | undefined>('nothing', 0, (v) => v === undefined)

/** A repeated field of `min` to `max` items. */
export function listOf<T>(inner: Rule<T>, max: number, min = 0): Rule<T[]> {
  const says = `${min === 0 ? 'at most' : `${min} to`} ${max} items, each ${inner.says}`
  return {
    says,
    maxBytes: max * delimited(inner.maxBytes),
    check(values, at) {
      if (values.length > max || values.length < min) return { field: at, expected: says }
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
    maxBytes: Math.max(...Object.values<Rule<unknown>>(cases).map((c) => delimited(c.maxBytes))),
    check(value, at) {
      const chosen = value.case === undefined ? undefined : inner(value.case)
      return chosen === undefined ? { field: at, expected: says } : chosen.check(value.value, at)
    },
  }
}

/** A value behind its tag, which has one byte in all our messages, and its length. */
export const delimited = (maxBytes: number): number => 1 + varintBytes(maxBytes) + maxBytes

function varintBytes(n: number): number {
  return n < 0x80 ? 1 : n < 0x4000 ? 2 : n < 0x20_0000 ? 3 : n < 0x1000_0000 ? 4 : 5
}
