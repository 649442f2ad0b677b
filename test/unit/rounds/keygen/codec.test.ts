import { describe, expect, it } from 'vitest'
import { concatBytes, fromHex, type PublicKey, type TranscriptHash, toHex } from '../../../../src/base/index.ts'
import { curve, KeyPair, liftEven, randomBytes, xOnly } from '../../../../src/curve/index.ts'
import {
  decodeCertificate,
  decodeKeygen,
  encodeCertificate,
  encodeKeygen,
} from '../../../../src/rounds/keygen/codec.ts'
import {
  FAULT_CODES,
  type FaultProof,
  KEYGEN_STEPS,
  type KeygenPayloads,
  type KeygenStep,
} from '../../../../src/rounds/keygen/steps.ts'

const point = () => curve.publicKeyOf(curve.randomScalar())
const key = KeyPair.generate().publicKey
const CONFIRM = {
  transcript: toHex(randomBytes(32)) as TranscriptHash,
  aggregateKey: toHex(liftEven(xOnly(point()))) as PublicKey,
  commitment: { hiding: point(), binding: point() },
  commitmentsHash: randomBytes(32),
}
const EXAMPLES: { readonly [S in KeygenStep]: KeygenPayloads[S] } = {
  open: { receiverKey: point(), proof: randomBytes(64) },
  deal: {
    dealing: { commitments: [point(), point()], proofOfKnowledge: randomBytes(64) },
    boxHashes: [randomBytes(32), randomBytes(32)],
  },
  share: { receiver: key, dealerKey: point(), proof: randomBytes(64), box: randomBytes(48), receiverKey: point() },
  confirm: CONFIRM,
  commit: CONFIRM,
  trial: { share: randomBytes(32), packageHash: randomBytes(32) },
  complaint: { accused: key, code: 'bad_share' },
  certified: { confirms: [randomBytes(40)], told: undefined },
}
const steps = Object.keys(KEYGEN_STEPS) as KeygenStep[]
const bytesOf = (step: KeygenStep): Uint8Array => encodeKeygen(step, EXAMPLES[step])
const refused = (step: KeygenStep, bytes: Uint8Array) => expect(decodeKeygen(step, bytes), step).toBeUndefined()

describe('keygen payloads', () => {
  for (const step of steps) {
    it(`should carry a ${step} there and back`, () => {
      expect(decodeKeygen(step, bytesOf(step))).toEqual(EXAMPLES[step])
    })
    it(`should refuse a ${step} with an unknown field`, () => {
      refused(step, concatBytes(bytesOf(step), Uint8Array.of(0x78, 0x01)))
    })
    it(`should refuse a ${step} that is cut`, () => {
      const bytes = bytesOf(step)
      for (let n = 0; n < bytes.length; n++) {
        // A list cut between two of its items is a shorter list; the machine counts them.
        const hashes = step === 'deal' ? decodeKeygen('deal', bytes.subarray(0, n))?.boxHashes.length : undefined
        if (hashes === undefined) refused(step, bytes.subarray(0, n))
        else expect(hashes).toBeLessThan(EXAMPLES.deal.boxHashes.length)
      }
    })
    it(`should refuse noise as a ${step}`, () => {
      refused(step, randomBytes(60))
      refused(step, randomBytes(20_000))
    })
  }

  // Of a list, two are a longer list.
  for (const step of steps.filter((s) => s !== 'deal' && s !== 'certified')) {
    it(`should refuse a ${step} whose first field comes twice`, () => {
      const bytes = bytesOf(step)
      // Tag, length, content: all first fields are shorter than 128 bytes.
      refused(step, concatBytes(bytes.subarray(0, 2 + (bytes[1] ?? 0)), bytes))
    })
  }

  it('should refuse more commitments than there can be members', () => {
    const { dealing } = EXAMPLES.deal
    const many = Array.from({ length: 129 }, () => dealing.commitments[0] ?? new Uint8Array())
    refused('deal', encodeKeygen('deal', { dealing: { ...dealing, commitments: many }, boxHashes: [] }))
  })
  it('should refuse an aggregate key of odd Y', () => {
    const odd = `03${EXAMPLES.confirm.aggregateKey.slice(2)}` as PublicKey
    refused('confirm', encodeKeygen('confirm', { ...EXAMPLES.confirm, aggregateKey: odd }))
  })
  it('should refuse an aggregate key that is no point', () => {
    refused(
      'confirm',
      encodeKeygen('confirm', { ...EXAMPLES.confirm, aggregateKey: `02${'00'.repeat(32)}` as PublicKey }),
    )
  })
  it('should refuse nonce commitments that are no points', () => {
    const commitment = { hiding: point(), binding: new Uint8Array(33) }
    refused('confirm', encodeKeygen('confirm', { ...EXAMPLES.confirm, commitment }))
  })
  it('should refuse a complaint with a reason of its own', () => {
    const bytes = encodeKeygen('complaint', EXAMPLES.complaint)
    refused(
      'complaint',
      Uint8Array.from(bytes, (b, i) => (i === bytes.length - 1 ? b ^ 1 : b)),
    )
  })
  it('should carry every code, and a complaint that accuses nobody', () => {
    for (const code of FAULT_CODES)
      for (const accused of [key, undefined])
        expect(decodeKeygen('complaint', encodeKeygen('complaint', { accused, code }))).toEqual({ accused, code })
  })
  it('should carry a complaint with its proof, and refuse one that is cut or too much', () => {
    const proof = {
      wires: [randomBytes(200), randomBytes(300)],
      reveal: { point: point(), proof: randomBytes(64) },
      commitments: [point()],
    }
    const said = (p: FaultProof) => encodeKeygen('complaint', { ...EXAMPLES.complaint, proof: p })
    const bytes = said(proof)
    expect(decodeKeygen('complaint', bytes)).toEqual({ ...EXAMPLES.complaint, proof })
    // Without its proof it is a claim; anything in between is nothing.
    const claim = bytesOf('complaint').length
    for (let n = 0; n < bytes.length; n++) if (n !== claim) refused('complaint', bytes.subarray(0, n))
    const many = (n: number) => Array.from({ length: n }, () => new Uint8Array(1))
    expect(decodeKeygen('complaint', said({ ...proof, wires: many(129) }))).toBeDefined()
    refused('complaint', said({ ...proof, wires: many(130) }))
    refused('complaint', said({ ...proof, wires: [new Uint8Array(58_000)] }))
    refused('complaint', said({ ...proof, reveal: { ...proof.reveal, proof: randomBytes(63) } }))
    refused('complaint', said({ ...proof, commitments: many(1) }))
  })
  it('should refuse an accused that is no key', () => {
    const bytes = encodeKeygen('complaint', EXAMPLES.complaint)
    refused(
      'complaint',
      Uint8Array.from(bytes, (b, i) => (i >= 3 && i < 35 ? 0 : b)),
    )
    expect(fromHex(key)).toHaveLength(33)
  })
})

describe('the certificate', () => {
  const list = [randomBytes(200), randomBytes(201)]
  it('should come back as it was', () => {
    expect(decodeCertificate(encodeCertificate(list))).toEqual(list)
  })
  it('should refuse more envelopes than there can be members', () => {
    expect(decodeCertificate(encodeCertificate(Array.from({ length: 129 }, () => new Uint8Array(1))))).toBeUndefined()
  })
  it('should refuse what is too long, cut or not canonical', () => {
    const bytes = encodeCertificate(list)
    expect(decodeCertificate(new Uint8Array(70_000))).toBeUndefined()
    expect(decodeCertificate(bytes.subarray(0, -1))).toBeUndefined()
    expect(decodeCertificate(concatBytes(bytes, Uint8Array.of(0x10, 1)))).toBeUndefined()
  })
})
