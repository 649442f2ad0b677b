import { describe, expect, it } from 'vitest'
import { asPendingId, asTranscriptHash, type PublicKey, u32be } from '../../../../src/base/index.ts'
import {
  aggregatePublicKey,
  commitNonces,
  type NonceCommitment,
  type SecretNonces,
  signShare,
  type Tweak,
} from '../../../../src/crypto/index.ts'
import { curve, KeyPair, randomBytes, sha256 } from '../../../../src/curve/index.ts'
import { sealEnvelope } from '../../../../src/p2p/envelope.ts'
import { type Topic, topicName } from '../../../../src/p2p/index.ts'
import {
  decodeEvidence,
  type EvidenceRecord,
  encodeEvidence,
  judge,
  recordOfSignFault,
  topicOf,
} from '../../../../src/rounds/evidence/index.ts'
import { encodeCertificate, encodeKeygen } from '../../../../src/rounds/keygen/codec.ts'
import { commitmentsHash } from '../../../../src/rounds/keygen/hashes.ts'
import { encodeSign } from '../../../../src/rounds/sign/codec.ts'
import { packageHash, requestHash } from '../../../../src/rounds/sign/index.ts'
import { dealKey, EVEN_SECRET } from '../../crypto/signing-keys.ts'
import { plusOne } from '../keygen/cheats.ts'

const dealt = dealKey(3, 4, EVEN_SECRET)
const pairs = new Map(
  Array.from({ length: 4 }, (_, i) => KeyPair.fromSecret(sha256(u32be(i + 1)))).map((k) => [k.publicKey, k] as const),
)
const [coordinator, cheat, third, fourth] = dealt.members as [PublicKey, PublicKey, PublicKey, PublicKey]
const TRANSCRIPT = asTranscriptHash('7a'.repeat(32))
const NETWORK = 'simnet'
const bare: EvidenceRecord = {
  network: NETWORK,
  contract: 'SN1.registry',
  scope: { kind: 'set', keys: dealt.members, threshold: 3, aggregateKey: aggregatePublicKey(dealt.public) },
  code: 'invalid_share',
  guilty: cheat,
  wires: [],
}
const topic = topicOf(bare)
let counter = 0
function seal(
  author: PublicKey,
  step: string,
  payload: Uint8Array,
  more: { topic?: Topic; round?: string; attempt?: number; boot?: number } = {},
): Uint8Array {
  const { topic: on = topic, round = 'cc'.repeat(32), attempt = 1, boot = 5 } = more
  const fields = { round, attempt, step, payload, boot, counter: counter++, expiresAtMs: 1 }
  return sealEnvelope(pairs.get(author) as KeyPair, topicName(on), fields)
}
/** What a member signed of the key, on its keygen's topic. */
const confirmOf = (member: PublicKey, commitments = dealt.public.commitments, transcript = TRANSCRIPT): Uint8Array => {
  const { commitment } = commitNonces(dealt.keys.get(member) as never)
  const payload = encodeKeygen('confirm', {
    transcript,
    aggregateKey: aggregatePublicKey(dealt.public),
    commitment,
    commitmentsHash: commitmentsHash(commitments),
  })
  const pending: Topic = { network: NETWORK, scope: asPendingId('dd'.repeat(32)), purpose: 'keygen' }
  return seal(member, 'confirm', payload, { topic: pending, round: pending.scope })
}
const certificate = encodeCertificate(dealt.members.map((m) => confirmOf(m)))

/** A round of the first three members: the package, and what each owes for it. */
function roundOf(
  over: {
    tweak?: Tweak
    session?: number
    coordinator?: PublicKey
    boot?: number
    requestId?: string
    signers?: readonly PublicKey[]
  } = {},
) {
  const { tweak = { kind: 'none' }, session = 1, boot = 5, requestId = 'aa' } = over
  const { coordinator: by = coordinator, signers = [coordinator, cheat, third] } = over
  const digest = sha256(u32be(1))
  const request = {
    groupKey: dealt.public.groupKey,
    setHash: topic.scope as never,
    transcript: TRANSCRIPT,
    requestId,
    items: [{ digest, tweak }],
  }
  const nonces = new Map<PublicKey, SecretNonces>()
  const commitments = new Map<PublicKey, NonceCommitment>()
  for (const m of signers) {
    const made = commitNonces(dealt.keys.get(m) as never)
    nonces.set(m, made.nonces)
    commitments.set(m, made.commitment)
  }
  const p = { request, entries: new Map([...commitments].map(([m, c]) => [m, [c]])) }
  const hash = packageHash(by, session, p)
  const round = requestHash(request)
  const share = (m: PublicKey) =>
    signShare(dealt.keys.get(m) as never, nonces.get(m) as SecretNonces, commitments, digest, tweak)
  const at = { round, attempt: session, boot }
  return {
    package: seal(by, 'package', encodeSign('package', p), at),
    share,
    sealShare: (m: PublicKey, bytes: Uint8Array, packageHash = hash) =>
      seal(m, 'share', encodeSign('share', { coordinator: by, packageHash, shares: [bytes] }), at),
    sealShares: (m: PublicKey, shares: readonly Uint8Array[]) =>
      seal(m, 'share', encodeSign('share', { coordinator: by, packageHash: hash, shares }), at),
  }
}
const recordOf = (wires: readonly Uint8Array[], over: Partial<EvidenceRecord> = {}): EvidenceRecord => ({
  ...(recordOfSignFault(bare, {
    code: 'invalid_share',
    member: cheat,
    wires,
    key: dealt.public,
    certificate,
  }) as EvidenceRecord),
  ...over,
})
const outcome = (record: EvidenceRecord) => {
  const judged = judge(record)
  return judged.ok ? [judged.guilt.member, judged.guilt.code] : judged.reason
}

describe('R26: a wrong share of a signature', () => {
  const tweaks: readonly Tweak[] = [
    { kind: 'none' },
    { kind: 'key', merkleRoot: null },
    { kind: 'key', merkleRoot: randomBytes(32) },
  ]
  it('should be proven to whoever has nothing but the record, under any tweak', () => {
    for (const tweak of tweaks) {
      const r = roundOf({ tweak })
      const record = recordOf([r.package, r.sealShare(cheat, plusOne(r.share(cheat)))])
      expect(outcome(record)).toEqual([cheat, 'invalid_share'])
      expect(decodeEvidence(encodeEvidence(record))).toEqual(record)
    }
  })
  it('should be proven where it is the right share of another round', () => {
    const [r, other] = [roundOf(), roundOf({ requestId: 'bb' })]
    expect(outcome(recordOf([r.package, r.sealShare(cheat, other.share(cheat))]))).toEqual([cheat, 'invalid_share'])
  })
  it('should be proven where there is a share too many', () => {
    const r = roundOf()
    const right = r.share(cheat)
    expect(outcome(recordOf([r.package, r.sealShares(cheat, [right, right])]))).toEqual([cheat, 'invalid_share'])
  })
  it('should not be seen in a right one', () => {
    for (const tweak of tweaks) {
      const r = roundOf({ tweak })
      expect(outcome(recordOf([r.package, r.sealShare(cheat, r.share(cheat))]))).toBe('no_fault')
    }
  })
  it('should not be seen in an honest share beside another package', () => {
    const [r, other] = [roundOf(), roundOf()]
    const honest = r.sealShare(cheat, r.share(cheat))
    expect(outcome(recordOf([other.package, honest]))).toBe('wrong_wires')
    expect(outcome(recordOf([roundOf({ session: 2 }).package, honest]))).toBe('wrong_wires')
    expect(outcome(recordOf([roundOf({ coordinator: third }).package, honest]))).toBe('wrong_wires')
    expect(outcome(recordOf([honest, r.package]))).not.toEqual([cheat, 'invalid_share'])
  })
  it('should not be seen where the polynomial is not the one that the accused confirmed', () => {
    const r = roundOf()
    const wires = [r.package, r.sealShare(cheat, r.share(cheat))]
    const [group, ...rest] = dealt.public.commitments as [Uint8Array, ...Uint8Array[]]
    const forged = [group, ...rest.map(() => curve.publicKeyOf(curve.randomScalar()))]
    expect(outcome(recordOf(wires, { commitments: forged }))).toBe('unbound')
    // Somebody else's confirm, or the accused's own of another transcript, vouches for nothing.
    expect(outcome(recordOf(wires, { commitments: forged, confirm: confirmOf(third, forged) }))).toBe('unbound')
    const elsewhere = confirmOf(cheat, forged, asTranscriptHash('7b'.repeat(32)))
    expect(outcome(recordOf(wires, { commitments: forged, confirm: elsewhere }))).toBe('unbound')
    expect(outcome(recordOf(wires, { confirm: undefined }))).toBe('unbound')
    expect(outcome(recordOf(wires, { commitments: undefined }))).toBe('unbound')
  })
  it('should not be seen in a package that no honest member signs over', () => {
    const share = new Uint8Array(32)
    const fewer = roundOf({ signers: [coordinator, cheat] })
    expect(outcome(recordOf([fewer.package, fewer.sealShare(cheat, share)]))).toBe('wrong_wires')
    const without = roundOf({ signers: [coordinator, third, fourth] })
    expect(outcome(recordOf([without.package, without.sealShare(cheat, share)]))).toBe('wrong_wires')
  })
  it('should name nobody else, and belong to no other set, network or contract', () => {
    const r = roundOf()
    const record = recordOf([r.package, r.sealShare(cheat, plusOne(r.share(cheat)))])
    const scope = record.scope as Extract<EvidenceRecord['scope'], { kind: 'set' }>
    const changed: readonly EvidenceRecord[] = [
      { ...record, guilty: coordinator },
      { ...record, network: 'mainnet' },
      { ...record, contract: 'SN2.registry' },
      { ...record, scope: { ...scope, threshold: 4 } },
      { ...record, scope: { ...scope, aggregateKey: third } },
      { ...record, scope: { ...scope, keys: scope.keys.slice(1) } },
      { ...record, wires: record.wires.slice(0, 1) },
      { ...record, wires: record.wires.slice(1) },
      { ...record, code: 'bad_trial_share' },
    ]
    for (const c of changed) expect(judge(c).ok).toBe(false)
  })
  it('should be in no record where the certificate is not at hand', () => {
    const wires = [randomBytes(10), randomBytes(10)]
    const fault = { code: 'invalid_share', member: cheat, wires } as const
    expect(recordOfSignFault(bare, fault)).toBeUndefined()
    expect(recordOfSignFault(bare, { ...fault, key: dealt.public, certificate: randomBytes(20) })).toBeUndefined()
    expect(recordOfSignFault(bare, { ...fault, key: { ...dealt.public, members: [] }, certificate })).toBeUndefined()
  })
})

describe('R16: two words of one author in a slot of a sign round', () => {
  const record = (guilty: PublicKey, wires: readonly Uint8Array[]): EvidenceRecord => ({
    ...(recordOfSignFault(bare, { code: 'equivocation', member: guilty, wires }) as EvidenceRecord),
  })
  it('should be equivocation of a coordinator that makes two packages in one session', () => {
    const wires = [roundOf().package, roundOf().package]
    expect(outcome(record(coordinator, wires))).toEqual([coordinator, 'equivocation'])
  })
  it('should be none in two sessions, two rounds, after a restart, by two coordinators, or in the same words', () => {
    const one = roundOf()
    for (const other of [
      roundOf({ session: 2 }).package,
      roundOf({ requestId: 'bb' }).package,
      roundOf({ boot: 6 }).package,
      roundOf({ coordinator: third }).package,
    ])
      expect(outcome(record(coordinator, [one.package, other]))).toBe('wrong_wires')
    expect(outcome(record(coordinator, [one.package, one.package]))).toBe('no_fault')
  })
  it('should be none of a member that answers two coordinators, or two packages of one, in sessions of one number', () => {
    const rounds = [roundOf(), roundOf({ coordinator: third }), roundOf()]
    const shares = rounds.map((r) => r.sealShare(cheat, r.share(cheat)))
    for (const other of shares.slice(1))
      expect(outcome(record(cheat, [shares[0] as Uint8Array, other]))).toBe('wrong_wires')
  })
  it('should be equivocation of a member that gives two shares over one package', () => {
    const r = roundOf()
    const right = r.share(cheat)
    const wires = [r.sealShare(cheat, right), r.sealShare(cheat, plusOne(right))]
    expect(outcome(record(cheat, wires))).toEqual([cheat, 'equivocation'])
  })
  it('should be equivocation to say two things of one request, or in one batch of nonce commitments', () => {
    const { groupKey } = dealt.public
    const items = [{ digest: sha256(u32be(1)), tweak: { kind: 'none' } }] as const
    const request = { groupKey, setHash: topic.scope as never, transcript: TRANSCRIPT, requestId: 'aa', items }
    const readies = ['aa', 'bb'].map((requestId) =>
      seal(cheat, 'ready', encodeSign('ready', { request: { ...request, requestId } })),
    )
    expect(outcome(record(cheat, readies))).toEqual([cheat, 'equivocation'])
    const commitments = [0, 1].map(() => commitNonces(dealt.keys.get(cheat) as never).commitment)
    const batches = [commitments, commitments.toReversed()].map((list) =>
      seal(cheat, 'nonces', encodeSign('nonces', { transcript: TRANSCRIPT, coordinator, commitments: list })),
    )
    expect(outcome(record(cheat, batches))).toEqual([cheat, 'equivocation'])
  })
  it('should be none in what may change: why a member declines', () => {
    const declines = (['not_asked_yet', 'refused'] as const).map((reason) =>
      seal(cheat, 'decline', encodeSign('decline', { coordinator, reason })),
    )
    expect(outcome(record(cheat, declines))).toBe('wrong_wires')
  })
})
