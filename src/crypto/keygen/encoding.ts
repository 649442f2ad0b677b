import { asGroupKey, CodedError, concatBytes, fromHex, type PublicKey, toHex } from '../../base/index.ts'
import { xOnly } from '../../curve/index.ts'
import type { KeyPackage } from '../types.ts'
import { defectOf } from './package.ts'

/** First byte. A new layout takes a new number; old ones stay readable as long as shares sealed under them may exist. */
const VERSION = 1
const POINT_BYTES = 33
const SHARE_BYTES = 32

/**
 * version ‖ threshold ‖ n ‖ n members ‖ threshold commitments ‖ n verifying shares ‖ owner ‖ signing share, in bytes of
 * 1, 1, 1, 33 each, 32. Holds the secret share: for sealing only; the caller zeroes it.
 */
export function encodeKeyPackage(key: KeyPackage): Uint8Array {
  const { threshold, members, commitments, verifyingShares } = key.public
  return concatBytes(
    Uint8Array.of(VERSION, threshold, members.length),
    ...members.map(fromHex),
    ...commitments,
    ...members.map((m) => verifyingShares.get(m) ?? invalid('a member has no verifying share')),
    fromHex(key.owner),
    key.signingShare,
  )
}

/** Throws CodedError `KEY_PACKAGE_INVALID` on anything but a whole package that agrees with itself. */
export function decodeKeyPackage(bytes: Uint8Array): KeyPackage {
  const [version, threshold, n] = bytes
  if (version !== VERSION) invalid(`version ${version ?? 'none'} is unknown to this release`)
  if (threshold === undefined || n === undefined) return invalid('it ends early')
  if (bytes.length !== 3 + POINT_BYTES * (n + threshold + n + 1) + SHARE_BYTES) return invalid('its length is wrong')
  let offset = 3
  const take = (lengthBytes: number): Uint8Array => {
    offset += lengthBytes
    return bytes.slice(offset - lengthBytes, offset)
  }
  const points = (count: number) => Array.from({ length: count }, () => take(POINT_BYTES))
  const members = points(n).map((m) => toHex(m) as PublicKey)
  const commitments = points(threshold)
  const shares = points(n)
  const owner = toHex(take(POINT_BYTES)) as PublicKey
  const key: KeyPackage = {
    owner,
    signingShare: take(SHARE_BYTES),
    public: {
      threshold,
      members,
      commitments,
      verifyingShares: new Map(members.map((m, i) => [m, shares[i] ?? new Uint8Array(0)])),
      groupKey: asGroupKey(toHex(xOnly(commitments[0] ?? new Uint8Array(33)))),
    },
  }
  const defect = defectOf(key)
  if (defect !== undefined) {
    key.signingShare.fill(0)
    return invalid(defect)
  }
  return key
}

function invalid(what: string): never {
  throw new CodedError('KEY_PACKAGE_INVALID', `key package: ${what}; restore it from a backup or run repair`)
}
