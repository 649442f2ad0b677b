import { describe, expect, it } from 'vitest'
import { asPendingId, type PublicKey } from '../../../../src/base/index.ts'
import { KeyPair } from '../../../../src/curve/index.ts'
import type { Envelope, Topic } from '../../../../src/p2p/index.ts'
import { encodeCarrier, openCarrier } from '../../../../src/rounds/pending/carrier.ts'
import { CarrierBook } from '../../../../src/rounds/pending/carrier-book.ts'
import { makeSpec, registryId } from './federation.ts'

const [oldKey, otherOld, staying, nextKey, newcomer, stranger] = Array.from({ length: 6 }, () =>
  KeyPair.generate(),
) as [KeyPair, KeyPair, KeyPair, KeyPair, KeyPair, KeyPair]
const keysOf = (...pairs: readonly KeyPair[]): PublicKey[] => pairs.map((p) => p.publicKey)
const spec = makeSpec(keysOf(staying, nextKey, newcomer), keysOf(oldKey, otherOld, staying))
const topic: Topic = { network: registryId.network, scope: spec.id, purpose: 'keygen' }
const open = (payload: Uint8Array, carried = nextKey.publicKey) => openCarrier(payload, topic, spec, carried)
const good = encodeCarrier(topic, oldKey, nextKey.publicKey)

describe('the statement of a key and its carrier (R7)', () => {
  it('R7: should name the carrier', () => {
    expect(open(good)).toBe(oldKey.publicKey)
  })
  it('R7: should bind every byte of it', () => {
    for (let i = 0; i < good.length; i++) {
      const bad = good.slice()
      bad[i] = (bad[i] ?? 0) ^ 1
      expect(open(bad)).toBeUndefined()
    }
    expect(open(good.subarray(0, -1))).toBeUndefined()
    expect(open(new Uint8Array([...good, 0]))).toBeUndefined()
    expect(open(new Uint8Array())).toBeUndefined()
  })
  it('R7: should mean nothing under another pending set, network or purpose', () => {
    const others: readonly Topic[] = [
      { ...topic, scope: asPendingId('ab'.repeat(32)) },
      { ...topic, network: 'mainnet' },
      { ...topic, purpose: 'liveness' },
    ]
    for (const other of others) expect(open(encodeCarrier(other, oldKey, nextKey.publicKey))).toBeUndefined()
  })
  it('R7: should mean nothing for another key than it was made for', () => {
    expect(open(good, newcomer.publicKey)).toBeUndefined()
    expect(open(encodeCarrier(topic, oldKey, newcomer.publicKey))).toBeUndefined()
  })
  it('R7: should not be signed by a third party in the name of a member', () => {
    const forged = { publicKey: oldKey.publicKey, sign: (tag: string, m: Uint8Array) => stranger.sign(tag, m) }
    expect(open(encodeCarrier(topic, forged, nextKey.publicKey))).toBeUndefined()
  })
  it.each<[string, KeyPair, KeyPair]>([
    ['a carrier outside the current set', stranger, nextKey],
    ['a carrier that stays in the set', staying, nextKey],
    ['a carrier that is itself to come', newcomer, nextKey],
    ['a carried key that is not to come', oldKey, stranger],
    ['a carried key that is a member already', oldKey, staying],
    ['a carried key that leaves', oldKey, otherOld],
  ])('R7: should not be believed of %s', (_what, carrier, carried) => {
    expect(open(encodeCarrier(topic, carrier, carried.publicKey), carried.publicKey)).toBeUndefined()
  })
})

describe('CarrierBook', () => {
  const bench = () => {
    const carried: string[] = []
    const book = new CarrierBook(spec, topic, (_topic, key, carrier) => {
      carried.push(`${key}<${carrier}`)
      return () => void carried.splice(carried.indexOf(`${key}<${carrier}`), 1)
    })
    const take = (author: KeyPair, payload: Uint8Array, via: Envelope['via'] = 'gossip') =>
      book.take({
        ...{ round: spec.id, attempt: 0, step: 'carrier', payload, topic, author: author.publicKey, via },
        ...{ boot: 1, counter: 1, expiresAtMs: 0, wire: new Uint8Array() },
      })
    return { book, carried, take }
  }
  const link = (carried: KeyPair, carrier: KeyPair) => `${carried.publicKey}<${carrier.publicKey}`

  it('R7: should take a statement from the carried key alone', () => {
    const { take, carried } = bench()
    expect(take(oldKey, good)).toBe('ignore')
    expect(take(newcomer, good)).toBe('ignore')
    expect(carried).toEqual([])
    expect(take(nextKey, good)).toBe('accept')
    expect(carried).toEqual([link(nextKey, oldKey)])
  })
  it('R7: should keep to the first carrier of a key, and to one key of a carrier', () => {
    const { take, carried } = bench()
    take(nextKey, good)
    take(nextKey, encodeCarrier(topic, otherOld, nextKey.publicKey))
    expect(take(newcomer, encodeCarrier(topic, oldKey, newcomer.publicKey))).toBe('ignore')
    expect(carried).toEqual([link(nextKey, oldKey)])
    expect(take(newcomer, encodeCarrier(topic, otherOld, newcomer.publicKey))).toBe('accept')
  })
  it('should not take one from a direct stream, which only some would hear', () => {
    const { take, carried } = bench()
    expect(take(nextKey, good, 'direct')).toBe('ignore')
    expect(carried).toEqual([])
  })
  it('R7: should forget all with the pending set', () => {
    const { book, take, carried } = bench()
    take(nextKey, good)
    book.stop()
    expect(carried).toEqual([])
  })
})
