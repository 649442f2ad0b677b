import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LIMITS, type PublicKey, toHex, u32be } from '../../../../src/base/index.ts'
import { KeyPair, sha256 } from '../../../../src/curve/index.ts'
import { type HandoffItem, type HandoffList, nameOfItem } from '../../../../src/rounds/index.ts'
import { HandoffEar } from '../../../../src/rounds/pending/handoff-ear.ts'
import { decodeHandoff, encodeHandoff } from '../../../../src/rounds/pending/messages.ts'

const [author, second, stranger] = Array.from({ length: 3 }, () => KeyPair.generate().publicKey) as [
  PublicKey,
  PublicKey,
  PublicKey,
]
const item = (n: number, merkleRoot = 'none'): HandoffItem => ({ digest: toHex(sha256(u32be(n))), merkleRoot })
const list = (over: Partial<HandoffList> = {}): HandoffList => ({
  ...{ revision: 1, hold: false, items: [item(1)], signatures: new Map() },
  ...over,
})
const ear = () => new HandoffEar({ currentKeys: [author, second] })
const say = (to: HandoffEar, from: PublicKey, said: HandoffList) =>
  to.hear({ author: from, payload: encodeHandoff(said) })

describe('lists of other members', () => {
  it('R7: should be heard of the current set only', () => {
    const heard = ear()
    expect(say(heard, stranger, list())).toBe('refused')
    expect(heard.lists.size).toBe(0)
    expect(say(heard, author, list())).toBe('first')
    expect([...heard.lists.keys()]).toEqual([author])
  })

  it('should be the latest of each, whatever comes late', () => {
    const heard = ear()
    say(heard, author, list({ revision: 5, items: [item(5)] }))
    expect(say(heard, author, list({ revision: 4, items: [item(4)] }))).toBe('known')
    expect(heard.lists.get(author)?.items).toEqual([item(5)])
    expect(say(heard, author, list({ revision: 6, items: [] }))).toBe('changed')
    expect(say(heard, author, list({ revision: 6, items: [] }))).toBe('known')
    expect(heard.lists.get(author)?.items).toEqual([])
    expect(say(heard, second, list())).toBe('first')
  })

  it('should not lose a signature to a copy that was said without it', () => {
    const heard = ear()
    const signed = list({ signatures: new Map([[nameOfItem(item(1)), new Uint8Array(64).fill(7)]]) })
    say(heard, author, list())
    expect(say(heard, author, signed)).toBe('changed')
    expect(say(heard, author, list())).toBe('known')
    expect(heard.lists.get(author)?.signatures.size).toBe(1)
  })

  it.each([
    ['too many', Array.from({ length: LIMITS.maxHandoffDigests + 1 }, (_, i) => item(i))],
    ['one twice', [item(1), item(1)]],
  ])('should be refused with %s digests', (_what, items) => {
    const heard = ear()
    expect(say(heard, author, list({ items }))).toBe('refused')
    expect(heard.lists.size).toBe(0)
  })

  it('should fit one gossip message, however long they may be', () => {
    const items = Array.from({ length: LIMITS.maxHandoffDigests }, (_, i) => item(i, 'ab'.repeat(32)))
    const signatures = new Map(items.map((i) => [nameOfItem(i), new Uint8Array(64)]))
    const bytes = encodeHandoff(list({ revision: Number.MAX_SAFE_INTEGER, hold: true, items, signatures }))
    expect(bytes.length).toBeLessThan(LIMITS.maxGossipBytes / 4)
    expect(say(ear(), author, list({ items, signatures }))).toBe('first')
  })

  it('should say again what was said', () => {
    const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex)
    const anyItem = fc.record({ digest: hash, merkleRoot: fc.oneof(fc.constantFrom('none', 'empty'), hash) })
    fc.assert(
      fc.property(fc.uniqueArray(anyItem, { selector: nameOfItem, maxLength: 8 }), fc.boolean(), (items, hold) => {
        const signatures = new Map(items.slice(0, 3).map((i) => [nameOfItem(i), new Uint8Array(64).fill(1)]))
        const said = list({ items, hold, signatures })
        expect(decodeHandoff(encodeHandoff(said))).toEqual(said)
      }),
    )
  })

  it('should bear any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (payload) => {
        expect(['first', 'refused']).toContain(ear().hear({ author, payload }))
      }),
    )
  })
})
