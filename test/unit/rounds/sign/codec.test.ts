import { describe, expect, it } from 'vitest'
import { concatBytes, type PublicKey } from '../../../../src/base/index.ts'
import { decodeSign, encodeSign, isSignRequest, MAX_SIGN_PAYLOAD_BYTES } from '../../../../src/rounds/sign/codec.ts'
import { SIGN_STEPS, type SignPayloads, type SignRequest, type SignStep } from '../../../../src/rounds/sign/types.ts'
import { dealKey, SOME_POINT } from '../../crypto/signing-keys.ts'
import { requestOf } from './network.ts'

const dealt = dealKey(2, 3)
const request = requestOf(dealt)
const [A, B] = dealt.members as [PublicKey, PublicKey]
const commitment = { hiding: SOME_POINT, binding: SOME_POINT }
const run = 'ab'.repeat(16)
const to = { coordinator: A, run }

const EXAMPLES: { readonly [S in SignStep]: SignPayloads[S] } = {
  open: { run, request },
  commit: { to, commitment },
  decline: { to, reason: 'not_asked_yet' },
  package: {
    run,
    request,
    commitments: new Map([
      [A, commitment],
      [B, commitment],
    ]),
  },
  share: { to, packageHash: 'cd'.repeat(32), share: new Uint8Array(32).fill(5) },
  result: { signature: new Uint8Array(64).fill(6) },
}
const bytesOf = (step: SignStep): Uint8Array => encodeSign(step, EXAMPLES[step])
const withRequest = (over: Partial<SignRequest>) => encodeSign('open', { run, request: { ...request, ...over } })

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
    it(`should be refused when doubled, though the last value of a field wins: ${step}`, () => {
      expect(decodeSign(step, concatBytes(bytesOf(step), bytesOf(step)))).toBeUndefined()
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
      { kind: 'key', merkleRoot: new Uint8Array(32) },
    ] as const)
      expect(decodeSign('open', withRequest({ tweak }))?.request.tweak).toEqual(tweak)
  })

  for (const [defect, bytes] of Object.entries({
    'a digest of 31 bytes': withRequest({ digest: new Uint8Array(31) }),
    'no digest': withRequest({ digest: new Uint8Array(0) }),
    'no request id': withRequest({ requestId: '' }),
    'a request id of 65 bytes': withRequest({ requestId: '00'.repeat(65) }),
    'a root of 31 bytes': withRequest({ tweak: { kind: 'key', merkleRoot: new Uint8Array(31) } }),
    'a root of no bytes': withRequest({ tweak: { kind: 'key', merkleRoot: new Uint8Array(0) } }),
    'a short group key': withRequest({ groupKey: 'ab' as SignRequest['groupKey'] }),
    'a short set hash': withRequest({ setHash: 'ab' as SignRequest['setHash'] }),
    'a short transcript': withRequest({ transcript: 'ab' as SignRequest['transcript'] }),
    'a run of 15 bytes': encodeSign('open', { run: 'ab'.repeat(15), request }),
  }))
    it(`should refuse an open with ${defect}`, () => {
      expect(decodeSign('open', bytes)).toBeUndefined()
    })

  it('should take the longest request id', () => {
    expect(decodeSign('open', withRequest({ requestId: '07'.repeat(64) }))?.request.requestId).toBe('07'.repeat(64))
  })

  for (const [defect, payload] of Object.entries({
    'a hiding commitment of 32 bytes': { to, commitment: { ...commitment, hiding: new Uint8Array(32) } },
    'a binding commitment of 65 bytes': { to, commitment: { ...commitment, binding: new Uint8Array(65) } },
    'a coordinator of 32 bytes': { to: { run, coordinator: '02'.repeat(32) as PublicKey }, commitment },
    'a run of 17 bytes': { to: { coordinator: A, run: 'ab'.repeat(17) }, commitment },
  }))
    it(`should refuse a commit with ${defect}`, () => {
      expect(decodeSign('commit', encodeSign('commit', payload))).toBeUndefined()
    })

  it('should refuse a decline with a reason of its own', () => {
    const reason = 'because' as 'refused'
    expect(decodeSign('decline', encodeSign('decline', { to, reason }))).toBeUndefined()
  })

  it('should refuse a package whose members are not ascending', () => {
    const commitments = new Map([
      [B, commitment],
      [A, commitment],
    ])
    expect(decodeSign('package', encodeSign('package', { run, request, commitments }))).toBeUndefined()
  })

  it('should refuse a package that names a member twice', () => {
    const once = encodeSign('package', { run, request, commitments: new Map([[A, commitment]]) })
    const none = encodeSign('package', { run, request, commitments: new Map() })
    const entry = once.subarray(none.length)
    expect(decodeSign('package', concatBytes(none, entry))?.commitments.size).toBe(1)
    expect(decodeSign('package', concatBytes(none, entry, entry))).toBeUndefined()
  })

  it('should refuse a share of 33 bytes and a package hash of 31', () => {
    expect(
      decodeSign('share', encodeSign('share', { to, packageHash: 'cd'.repeat(32), share: new Uint8Array(33) })),
    ).toBeUndefined()
    expect(
      decodeSign('share', encodeSign('share', { to, packageHash: 'cd'.repeat(31), share: new Uint8Array(32) })),
    ).toBeUndefined()
  })

  it('should refuse a signature of 65 bytes', () => {
    expect(decodeSign('result', encodeSign('result', { signature: new Uint8Array(65) }))).toBeUndefined()
  })

  it('should hold a package of 128 members, and nothing larger than the limit', () => {
    const members = dealKey(2, 128).members
    const commitments = new Map(members.map((m) => [m, commitment]))
    const root = { kind: 'key', merkleRoot: new Uint8Array(32) } as const
    const largest = { ...request, requestId: 'ff'.repeat(64), tweak: root }
    const bytes = encodeSign('package', { run, request: largest, commitments })
    expect(bytes.length).toBeLessThan(MAX_SIGN_PAYLOAD_BYTES)
    expect(decodeSign('package', bytes)?.commitments.size).toBe(128)
    const more = Array.from({ length: 30 }, (_, i) => `04${i.toString(16).padStart(64, '0')}` as PublicKey)
    const tooLarge = new Map([...commitments, ...more.map((m) => [m, commitment] as const)])
    const large = encodeSign('package', { run, request: largest, commitments: tooLarge })
    expect(large.length).toBeGreaterThan(MAX_SIGN_PAYLOAD_BYTES)
    expect(decodeSign('package', large)).toBeUndefined()
  })
})

describe('a request as asked', () => {
  for (const [defect, over] of Object.entries({
    'an id in upper case': { requestId: 'AB' },
    'an id of half a byte': { requestId: 'abc' },
    'no id': { requestId: '' },
    'an id of 65 bytes': { requestId: '00'.repeat(65) },
    'a digest of 33 bytes': { digest: new Uint8Array(33) },
  }))
    it(`should be refused with ${defect}`, () => {
      expect(isSignRequest({ ...request, ...over })).toBe(false)
    })
  it('should be taken with an id of one byte', () => {
    expect(isSignRequest({ ...request, requestId: '00' })).toBe(true)
  })
})
