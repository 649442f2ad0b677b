import { describe, expect, it } from 'vitest'
import { concatBytes, LIMITS, type PublicKey } from '../../../../src/base/index.ts'
import { decodeSign, encodeSign, isSignRequest, maxItemsFor } from '../../../../src/rounds/sign/codec.ts'
import { packageHash, requestHash } from '../../../../src/rounds/sign/index.ts'
import { MAX_SIGN_PAYLOAD_BYTES, maxBytesOf } from '../../../../src/rounds/sign/travel.ts'
import { SIGN_STEPS, type SignPayloads, type SignRequest, type SignStep } from '../../../../src/rounds/sign/types.ts'
import { dealKey, SOME_POINT } from '../../crypto/signing-keys.ts'
import { itemOf, requestOf, TRANSCRIPT } from './network.ts'

const dealt = dealKey(2, 3)
const request = requestOf(dealt, { items: [itemOf(1), itemOf(2, { kind: 'key', merkleRoot: null })] })
const [A, B] = dealt.members as [PublicKey, PublicKey]
const commitment = { hiding: SOME_POINT, binding: SOME_POINT }
const pair = [commitment, commitment]

const EXAMPLES: { readonly [S in SignStep]: SignPayloads[S] } = {
  ready: { request },
  want: { transcript: TRANSCRIPT, member: A, count: 8 },
  nonces: { transcript: TRANSCRIPT, coordinator: A, commitments: pair },
  package: {
    request,
    entries: new Map([
      [A, pair],
      [B, pair],
    ]),
  },
  share: { coordinator: A, packageHash: 'cd'.repeat(32), shares: [new Uint8Array(32).fill(5), new Uint8Array(32)] },
  decline: { coordinator: A, reason: 'not_asked_yet' },
  result: { signatures: [new Uint8Array(64).fill(6), new Uint8Array(64)] },
}
const bytesOf = (step: SignStep): Uint8Array => encodeSign(step, EXAMPLES[step])
const withRequest = (over: Partial<SignRequest>) => encodeSign('ready', { request: { ...request, ...over } })

describe('sign payloads', () => {
  for (const step of SIGN_STEPS) {
    it(`should come back as they were: ${step}`, () => {
      expect(decodeSign(step, bytesOf(step))).toEqual(EXAMPLES[step])
    })
    it(`should be refused with a byte less: ${step}`, () => {
      expect(decodeSign(step, bytesOf(step).subarray(0, -1))).toBeUndefined()
    })
    it(`should be refused with an unknown field: ${step}`, () => {
      expect(decodeSign(step, concatBytes(bytesOf(step), Uint8Array.of(0x78, 1)))).toBeUndefined()
    })
    it(`should be refused when empty: ${step}`, () => {
      expect(decodeSign(step, new Uint8Array(0))).toBeUndefined()
    })
    it(`R14: should be refused unread beyond the most that is ever said in it: ${step}`, () => {
      const length = maxBytesOf(step) + 1
      const read: PropertyKey[] = []
      const get = (_: Uint8Array, name: PropertyKey) => {
        read.push(name)
        return name === 'length' ? length : undefined
      }
      expect(decodeSign(step, new Proxy(new Uint8Array(0), { get }))).toBeUndefined()
      expect(read).toEqual(['length'])
    })
    it(`should never throw for noise: ${step}`, () => {
      for (let i = 0; i < 64; i++) {
        const noise = Uint8Array.from({ length: i * 7 }, (_, j) => (i * 31 + j * 17) & 255)
        expect(decodeSign(step, noise)).toBeUndefined()
      }
    })
  }

  it('should keep the three tweaks apart', () => {
    for (const tweak of [
      { kind: 'none' },
      { kind: 'key', merkleRoot: null },
      { kind: 'key', merkleRoot: new Uint8Array(32).fill(1) },
    ] as const)
      expect(decodeSign('ready', withRequest({ items: [itemOf(1, tweak)] }))?.request.items[0]?.tweak).toEqual(tweak)
  })

  const LIES: Readonly<Record<string, Partial<SignRequest>>> = {
    'no id': { requestId: '' },
    'an id of 65 bytes': { requestId: '00'.repeat(65) },
    'a digest of 31 bytes': { items: [{ digest: new Uint8Array(31), tweak: { kind: 'none' } }] },
    'a root of 31 bytes': { items: [itemOf(1, { kind: 'key', merkleRoot: new Uint8Array(31) })] },
    'nothing to sign': { items: [] },
    'more items than a request may have': {
      items: Array.from({ length: LIMITS.maxSignItems + 1 }, (_, i) => itemOf(i)),
    },
  }
  for (const [what, over] of Object.entries(LIES))
    it(`should refuse a request with ${what}`, () => {
      expect(isSignRequest({ ...request, ...over })).toBe(false)
      expect(decodeSign('ready', withRequest(over))).toBeUndefined()
    })

  it('R25: should refuse a package that names a member twice, out of order, or without a pair for each item', () => {
    const withEntries = (entries: [PublicKey, typeof pair][]) =>
      decodeSign('package', encodeSign('package', { request, entries: new Map(entries) }))
    expect(
      withEntries([
        [B, pair],
        [A, pair],
      ]),
    ).toBeUndefined()
    expect(
      withEntries([
        [A, pair],
        [B, [commitment]],
      ]),
    ).toBeUndefined()
    expect(
      withEntries([
        [A, pair],
        [B, [...pair, commitment]],
      ]),
    ).toBeUndefined()
    const [twice] = [encodeSign('package', { request, entries: new Map([[A, pair]]) })]
    expect(decodeSign('package', concatBytes(twice, twice))).toBeUndefined()
  })

  it('should refuse counts out of bounds', () => {
    const { transcript } = request
    for (const count of [0, LIMITS.maxSignItems + 1])
      expect(decodeSign('want', encodeSign('want', { transcript, member: A, count }))).toBeUndefined()
    const many = Array.from({ length: LIMITS.maxSignItems + 1 }, () => commitment)
    for (const commitments of [[], many])
      expect(decodeSign('nonces', encodeSign('nonces', { transcript, coordinator: A, commitments }))).toBeUndefined()
    expect(decodeSign('result', encodeSign('result', { signatures: [] }))).toBeUndefined()
    expect(decodeSign('result', encodeSign('result', { signatures: [new Uint8Array(63)] }))).toBeUndefined()
    const share = { coordinator: A, packageHash: 'cd'.repeat(32) }
    expect(decodeSign('share', encodeSign('share', { ...share, shares: [] }))).toBeUndefined()
    expect(decodeSign('share', encodeSign('share', { ...share, shares: [new Uint8Array(33)] }))).toBeUndefined()
  })

  it('should fit, with as many items as there may be, into the most that is read of each step', () => {
    const items = Array.from({ length: LIMITS.maxSignItems }, (_, i) =>
      itemOf(i, { kind: 'key', merkleRoot: new Uint8Array(32) }),
    )
    const many = <T>(value: T): T[] => items.map(() => value)
    const largest: Omit<SignPayloads, 'package'> = {
      ready: { request: { ...request, requestId: 'ff'.repeat(64), items } },
      want: { transcript: TRANSCRIPT, member: A, count: LIMITS.maxSignItems },
      nonces: { transcript: TRANSCRIPT, coordinator: A, commitments: many(commitment) },
      share: { coordinator: A, packageHash: 'cd'.repeat(32), shares: many(new Uint8Array(32)) },
      decline: { coordinator: A, reason: 'not_asked_yet' },
      result: { signatures: many(new Uint8Array(64)) },
    }
    for (const step of SIGN_STEPS)
      if (step !== 'package') expect(decodeSign(step, encodeSign(step, largest[step]))).toEqual(largest[step])
  })

  it('should let any set sign as many items as fit into one message, and say how many', () => {
    for (const signers of [2, 9, 11, 16, 67, 128]) {
      const items = Array.from({ length: maxItemsFor(signers) }, (_, i) =>
        itemOf(i, { kind: 'key', merkleRoot: new Uint8Array(32) }),
      )
      const members = Array.from({ length: signers }, (_, i) => `02${i.toString(16).padStart(64, '0')}` as PublicKey)
      const entries = new Map(members.map((m) => [m, items.map(() => commitment)]))
      const bytes = encodeSign('package', { request: { ...request, requestId: 'ff'.repeat(64), items }, entries })
      expect(bytes.length).toBeLessThanOrEqual(MAX_SIGN_PAYLOAD_BYTES)
      expect(decodeSign('package', bytes)?.entries.size).toBe(signers)
    }
    expect(maxItemsFor(11)).toBe(64)
  })
})

describe('names', () => {
  it('R27: should give every request its own round: each digest, tweak, order, id, set and transcript counts', () => {
    const others: Partial<SignRequest>[] = [
      { items: request.items.toReversed() },
      { items: request.items.slice(0, 1) },
      { items: [...request.items, itemOf(3)] },
      { items: [itemOf(1), itemOf(2)] },
      { items: [itemOf(1), itemOf(2, { kind: 'key', merkleRoot: new Uint8Array(32) })] },
      { requestId: 'abce' },
      { transcript: 'ab'.repeat(32) as SignRequest['transcript'] },
      { setHash: 'ab'.repeat(32) as SignRequest['setHash'] },
      { groupKey: 'ab'.repeat(32) as SignRequest['groupKey'] },
    ]
    const names = [request, ...others.map((over) => ({ ...request, ...over }))].map(requestHash)
    expect(new Set(names).size).toBe(names.length)
  })

  it('R26: should hash the whole package: coordinator, session, request, members and every commitment', () => {
    const entries = new Map([[A, pair]])
    const base = { request, entries }
    const odd = { hiding: SOME_POINT, binding: new Uint8Array(33) }
    const hashes = [
      packageHash(A, 1, base),
      packageHash(B, 1, base),
      packageHash(A, 2, base),
      packageHash(A, 1, { ...base, request: { ...request, requestId: 'ee' } }),
      packageHash(A, 1, { ...base, entries: new Map([[B, pair]]) }),
      packageHash(A, 1, { ...base, entries: new Map([[A, [commitment, odd]]]) }),
      packageHash(A, 1, { ...base, entries: new Map([[A, [odd, commitment]]]) }),
      packageHash(A, 1, {
        ...base,
        entries: new Map([
          [A, pair],
          [B, pair],
        ]),
      }),
    ]
    expect(new Set(hashes).size).toBe(hashes.length)
  })
})
