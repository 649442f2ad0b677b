import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex, utf8 } from '../../../../src/base/index.ts'
import { openS2Keys } from '../../../../src/crypto/index.ts'
import { ed25519 } from '../../../../src/curve/index.ts'

const { seed, keys } = JSON.parse(readFileSync(join(import.meta.dirname, '../../../vectors/s2.json'), 'utf8')) as {
  readonly seed: string
  readonly keys: Readonly<Record<string, { readonly pub?: string }>>
}
const published = Object.entries(keys).find(([path]) => path.startsWith('p2p_ed25519 '))?.[1].pub

describe('the Ed25519 key of the peer-to-peer interface', () => {
  it.each([
    [seed, published],
    [
      '195a61de8fdac38f9c97e493c03718c98a3c85a977b49192ceac32e429f6c409',
      '622c124f44c3456f6e1c678325636761567ae941e6592a7adcfd02fb51514d1d',
    ],
    [
      '175a61de8fdac38f9c97e493c03718c98a3c85a977b49192ceac32e429f6c409',
      '86246f6afb35af9b7c2cb1c41105b48d07d4d4219edefa6b884757d88b98b3ad',
    ],
  ])('should be the published one of seed %s', (hex, publicKey) => {
    expect(toHex(ed25519.publicKeyOf(openS2Keys(fromHex(hex)).p2pEd25519))).toBe(publicKey)
  })
  it('should sign for that key', () => {
    const { p2pEd25519 } = openS2Keys(fromHex(seed))
    const signature = ed25519.sign(utf8('hello'), p2pEd25519)
    expect(ed25519.verify(signature, utf8('hello'), fromHex(published ?? ''))).toBe(true)
  })
})
