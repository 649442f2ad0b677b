import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { concatBytes, fromHex, toHex } from '../../../../src/base/index.ts'
import { openS2Keys, type WalletTweak, walletPublicKey, walletSign } from '../../../../src/crypto/index.ts'
import { curve, sha256, taggedHash, xOnly } from '../../../../src/curve/index.ts'

interface SchnorrCase {
  readonly target: 'general' | 'stakechain' | 'musig2'
  readonly mode: string
  readonly digest: string
  readonly merkle_root: string | null
  readonly key_tweak: string | null
  readonly verify_xonly: string
  readonly sig_aux0: string
}
const { seed, schnorr } = JSON.parse(readFileSync(join(import.meta.dirname, '../../../vectors/s2.json'), 'utf8')) as {
  readonly seed: string
  readonly schnorr: readonly SchnorrCase[]
}
const keys = () => openS2Keys(fromHex(seed))
const ORDER = fromHex('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141')

function tweakOf({ mode, merkle_root, key_tweak }: SchnorrCase): WalletTweak {
  if (mode === 'sign_no_tweak') return { kind: 'none' }
  const merkleRoot = merkle_root === null ? null : fromHex(merkle_root)
  return { kind: 'taproot', merkleRoot, ...(key_tweak === null ? {} : { keyTweak: fromHex(key_tweak) }) }
}

describe('Schnorr signatures of the wallets', () => {
  it.each(schnorr)('should be as others make them: $target, $mode, root $merkle_root, tweak $key_tweak', (c) => {
    const secret = keys()[c.target]
    const [digest, tweak] = [fromHex(c.digest), tweakOf(c)]
    expect(toHex(walletPublicKey(secret, tweak))).toBe(c.verify_xonly)
    expect(toHex(walletSign(secret, digest, tweak, new Uint8Array(32)))).toBe(c.sig_aux0)
    const fresh = walletSign(secret, digest, tweak)
    expect(toHex(fresh)).not.toBe(c.sig_aux0)
    expect(curve.schnorrVerify(fresh, digest, fromHex(c.verify_xonly))).toBe(true)
  })

  it('should be under another key without a root than without a tweak', () => {
    const { general } = keys()
    expect(walletPublicKey(general, { kind: 'taproot', merkleRoot: null })).not.toEqual(
      walletPublicKey(general, { kind: 'none' }),
    )
  })

  it('should take the tweaked key for even again before it is tweaked as an output, whichever it is', () => {
    const { general } = keys()
    const seen = new Set<number | undefined>()
    for (let i = 1; i <= 8; i++) {
      const keyTweak = sha256(Uint8Array.of(i))
      // The same with points alone: BIP341 lifts the x-coordinate.
      const moved = curve.addPoints(curve.publicKeyOf(general), curve.publicKeyOf(keyTweak))
      seen.add(moved[0])
      const lifted = concatBytes(Uint8Array.of(2), xOnly(moved))
      const output = curve.addPoints(lifted, curve.publicKeyOf(taggedHash('TapTweak', xOnly(moved))))
      expect(walletPublicKey(general, { kind: 'taproot', merkleRoot: null, keyTweak })).toEqual(xOnly(output))
    }
    expect([...seen].sort()).toEqual([2, 3])
  })

  it('should leave the wallet key as it was', () => {
    const { general } = keys()
    const before = toHex(general)
    walletSign(general, sha256(new Uint8Array(1)), { kind: 'none' })
    walletSign(general, sha256(new Uint8Array(1)), {
      kind: 'taproot',
      merkleRoot: null,
      keyTweak: sha256(new Uint8Array(2)),
    })
    expect(toHex(general)).toBe(before)
  })

  it.each([0, 31, 33, 64])('should not be made of a digest of %i bytes', (length) => {
    expect(() => walletSign(keys().general, new Uint8Array(length), { kind: 'none' })).toThrow(TypeError)
  })

  const { general } = keys()
  it.each<[string, Uint8Array]>([
    ['the group order', ORDER],
    ['more than that', new Uint8Array(32).fill(0xff)],
    ['31 bytes', new Uint8Array(31).fill(1)],
    ['none at all', new Uint8Array(0)],
    ['what leaves no key', curve.negateScalar(general)],
  ])('should not be made with a key tweak of %s', (_what, keyTweak) => {
    const tweak = { kind: 'taproot', merkleRoot: null, keyTweak } as const
    expect(() => walletSign(general, sha256(general), tweak)).toThrow(TypeError)
    expect(() => walletPublicKey(general, tweak)).toThrow(TypeError)
  })

  it.each([0, 31, 33])('should not be made with a root of %i bytes', (length) => {
    const tweak = { kind: 'taproot', merkleRoot: new Uint8Array(length) } as const
    expect(() => walletSign(general, sha256(general), tweak)).toThrow(TypeError)
  })
})
