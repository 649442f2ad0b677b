import { accept } from '../../src/base/index.ts'
import { curve, sha256 } from '../../src/curve/index.ts'
import type { RecordCodec } from '../../src/p2p/addresses/record.ts'

/**
 * Fifteen members check the same signature fifteen times, at a millisecond each; in one process the answer can be
 * remembered: same bytes, same answer. Only here: a node that did so would keep what any peer sends. Returns the undoing.
 */
export function rememberVerifications(): () => void {
  const { ecdsaVerify, schnorrVerify, isPoint, linearCombination, sumPoints } = curve
  const answers = new Map<string, boolean>()
  const remembered =
    (name: string, check: (...parts: Uint8Array[]) => boolean) =>
    (...parts: Uint8Array[]): boolean => {
      const key = `${name}/${nameOf(...parts)}`
      const known = answers.get(key)
      if (known !== undefined) return known
      const answer = check(...parts)
      answers.set(key, answer)
      return answer
    }
  curve.ecdsaVerify = remembered('ecdsa', (s, d, p) => ecdsaVerify(at(s), at(d), at(p)))
  curve.schnorrVerify = remembered('schnorr', (s, m, x) => schnorrVerify(at(s), at(m), at(x)))
  const point = remembered('point', (p) => isPoint(at(p)))
  // Public points and factors only: every member of a session works out the same sums.
  const sums = new Map<string, Uint8Array | undefined>()
  curve.linearCombination = (terms) => {
    const key = nameOf(...terms.flatMap(({ point: p, scalar }) => [p, scalar]))
    if (!sums.has(key)) sums.set(key, linearCombination(terms))
    return sums.get(key)?.slice()
  }
  curve.sumPoints = (points) => {
    const key = `sum/${nameOf(...points)}`
    if (!sums.has(key)) sums.set(key, sumPoints(points))
    return sums.get(key)?.slice()
  }
  // Also where it is called with an index and a list behind, as by `every`.
  curve.isPoint = (p) => point(p)
  return () => {
    Object.assign(curve, { ecdsaVerify, schnorrVerify, isPoint, linearCombination, sumPoints })
  }
}

/** Bytes as one key of a map; a long one by its hash. */
const nameOf = (...parts: readonly Uint8Array[]): string =>
  parts.map((p) => `${p.length} ${textOf(p.length > LONG_BYTES ? sha256(p) : p)}`).join()
const LONG_BYTES = 1024
const textOf = (p: Uint8Array): string => Buffer.from(p.buffer, p.byteOffset, p.byteLength).toString('latin1')

/** Records that some node has read, and checked. */
export interface KnownRecords {
  readonly peeked: Map<string, ReturnType<RecordCodec['peek']>>
  readonly decoded: Map<string, ReturnType<RecordCodec['decode']>>
}

/** The same for peer records, whose signatures libp2p checks. */
export function rememberRecords(codec: RecordCodec, { decoded: known, peeked: peeks }: KnownRecords): RecordCodec {
  return {
    seal: (seq, addresses) => codec.seal(seq, addresses),
    peek: (wire) => {
      const name = nameOf(wire)
      const peeked = peeks.get(name) ?? codec.peek(wire)
      peeks.set(name, peeked)
      return peeked
    },
    decode: (wire) => {
      const name = nameOf(wire)
      const decoded = known.get(name) ?? codec.decode(wire)
      if (known.has(name) || !decoded.ok) return decoded
      const { verify, ...record } = decoded.value
      let verified: Promise<boolean> | undefined
      const once = () => {
        verified ??= verify()
        return verified
      }
      const remembered = accept({ ...record, verify: once })
      known.set(name, remembered)
      return remembered
    },
  }
}

const at = (part: Uint8Array | undefined): Uint8Array => part ?? new Uint8Array(0)
