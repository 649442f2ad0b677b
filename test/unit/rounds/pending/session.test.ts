import { afterEach, describe, expect, it } from 'vitest'
import type { PublicKey } from '../../../../src/base/index.ts'
import { curve, KeyPair, publicKeyBytes, xOnly } from '../../../../src/curve/index.ts'
import { sealEnvelope } from '../../../../src/p2p/envelope.ts'
import type { Envelope } from '../../../../src/p2p/index.ts'
import { openEnvelope, topicName } from '../../../../src/p2p/index.ts'
import { isCertifiedShare } from '../../../../src/rounds/index.ts'
import { encodeKeygen } from '../../../../src/rounds/keygen/codec.ts'
import { decodeProposal, encodeApproval, encodeProposal } from '../../../../src/rounds/pending/messages.ts'
import { proposalVerifier } from '../../../../src/rounds/pending/verify-proposal.ts'
import { type Federation, makeSpec, openFederation, registryId } from './federation.ts'

const FAR = 4_000_000_000_000
let fed: Federation
afterEach(() => fed.stop())

const topicOf = (f: Federation) => ({ network: registryId.network, scope: f.spec.id, purpose: 'keygen' }) as const
const approveAll = (f: Federation) => {
  for (const m of [...f.members, f.leaving]) m.session.announceApproval(FAR)
}
const keygenAll = async (f: Federation): Promise<void> => {
  approveAll(f)
  for (const m of f.members) m.session.startKeygen()
  await expect
    .poll(() => [...f.members, f.leaving].every((m) => m.session.proposal() !== undefined), { timeout: 20_000 })
    .toBe(true)
}
const forge = (f: Federation, author: KeyPair, step: string, payload: Uint8Array): Envelope => {
  const topic = topicOf(f)
  const wire = sealEnvelope(author, topicName(topic), {
    round: f.spec.id,
    attempt: 0,
    step,
    payload,
    boot: 9,
    counter: 9,
    expiresAtMs: Date.now() + 60_000,
  })
  const fields = openEnvelope(topic, wire)
  if (fields === undefined) throw new Error('not an envelope')
  return { ...fields, topic, wire, via: 'gossip' }
}
const settle = () => new Promise((next) => setImmediate(next))

describe('approvals on the topic of a pending set', () => {
  it('should be heard by everyone', async () => {
    fed = openFederation()
    approveAll(fed)
    const all = [...fed.members, fed.leaving].map((m) => m.publicKey).toSorted()
    for (const m of [...fed.members, fed.leaving])
      await expect.poll(() => [...m.session.approved()].toSorted()).toEqual(all)
  })

  it('R7: should not count in other words than the pending id names', async () => {
    fed = openFederation()
    const [a, b] = fed.members as [Federation['members'][0], Federation['members'][0]]
    const other = makeSpec(fed.spec.keys, fed.spec.currentKeys, 3)
    fed.bus.deliver(forge(fed, a.key, 'approve', encodeApproval(other, FAR)), b.publicKey)
    fed.bus.deliver(forge(fed, a.key, 'approve', Uint8Array.of(1, 2, 3)), b.publicKey)
    await settle()
    await settle()
    expect(b.session.approved().has(a.publicKey)).toBe(false)
  })

  it('R7: should not count once they expired', async () => {
    fed = openFederation()
    const [a, b] = fed.members as [Federation['members'][0], Federation['members'][0]]
    a.session.announceApproval(Date.now() - 1)
    await settle()
    await settle()
    expect(b.session.approved().has(a.publicKey)).toBe(false)
  })
})

describe('keygen of a pending set', () => {
  it('should end with one proven key on all members, and with the proof on those that leave', async () => {
    fed = openFederation()
    await keygenAll(fed)
    const proposals = [...fed.members, fed.leaving].map((m) => m.session.proposal()?.proposal)
    expect(new Set(proposals.map((p) => p?.aggregateKey)).size).toBe(1)
    expect(fed.leaving.vault.list()).toEqual([])
    for (const m of fed.members) {
      const share = m.vault.byGroupKey(m.vault.list()[0]?.key.public.groupKey as never)
      expect(share?.certificate.length).toBeGreaterThan(0)
      expect(isCertifiedShare(registryId.network)(share as never)).toBe(true)
    }
  })

  it('R20: should not take a certificate of another network or of another key for its own', async () => {
    fed = openFederation()
    await keygenAll(fed)
    const share = fed.members[0]?.vault.list()[0]
    if (share === undefined) throw new Error('no share')
    expect(isCertifiedShare('mainnet')(share)).toBe(false)
    expect(isCertifiedShare(registryId.network)({ ...share, certificate: share.certificate.slice(0, -1) })).toBe(false)
    const groupKey = Buffer.from(xOnly(publicKeyBytes(KeyPair.generate().publicKey))).toString('hex')
    const commitments = [publicKeyBytes(`02${groupKey}` as PublicKey), ...share.key.public.commitments.slice(1)]
    const swapped = { ...share, key: { ...share.key, public: { ...share.key.public, commitments, groupKey } } }
    expect(isCertifiedShare(registryId.network)(swapped as never)).toBe(false)
  })

  it('should name who is silent, and succeed at the next attempt when it is back', async () => {
    fed = openFederation()
    const [a, b, c] = fed.members as [Federation['members'][0], Federation['members'][0], Federation['members'][0]]
    approveAll(fed)
    // c does not start; the others give up on it by a complaint of their own making, not by the long deadline.
    a.session.startKeygen()
    b.session.startKeygen()
    await settle()
    expect(a.session.keygen()).toMatchObject({ phase: 'running', attempt: 1 })
    c.session.startKeygen()
    await expect
      .poll(() => fed.members.every((m) => m.session.proposal() !== undefined), { timeout: 20_000 })
      .toBe(true)
  })

  it('R19: should go on with a new attempt after a complaint', async () => {
    fed = openFederation()
    // In member order, so that the last box hash of a's deal is b's.
    const ordered = fed.members.toSorted((x, y) => (x.publicKey < y.publicKey ? -1 : 1))
    const [a, , b] = ordered as [Federation['members'][0], Federation['members'][0], Federation['members'][0]]
    fed.bus.meddle = (e, to) =>
      e.step === 'deal' && e.author === a.publicKey && e.attempt === 1 && to === b.publicKey
        ? [spoilt(fed, a.key, e)]
        : 'pass'
    approveAll(fed)
    for (const m of fed.members) m.session.startKeygen()
    await expect
      .poll(() => fed.members.every((m) => m.session.proposal() !== undefined), { timeout: 25_000 })
      .toBe(true)
    expect(b.session.keygen().lastFailure?.blamed.map((x) => x.member)).toEqual([a.publicKey])
    expect(fed.members.every((m) => m.session.keygen().attempt >= 2)).toBe(true)
  })

  it('should hand the proof to a member that missed the end', async () => {
    fed = openFederation()
    const [, , late] = fed.members as [Federation['members'][0], Federation['members'][0], Federation['members'][0]]
    fed.bus.meddle = (e, to) => (to === late.publicKey && e.step === 'trial' ? 'lose' : 'pass')
    await keygenAll(fed)
    await expect.poll(() => late.vault.list().some((s) => s.certificate.length > 0), { timeout: 10_000 }).toBe(true)
  })
})

describe('keygen attempts', () => {
  type M = Federation['members'][0]
  it('should not be driven further than one at a time by one member, whatever it claims', async () => {
    fed = openFederation()
    const [a, , c] = fed.members as [M, M, M]
    // Nobody else takes part, so that the attempt can't end by itself.
    fed.bus.meddle = () => 'lose'
    a.session.startKeygen()
    const payload = encodeKeygen('trial', {
      packageHash: new Uint8Array(32).fill(1),
      share: new Uint8Array(32).fill(1),
    })
    for (const attempt of [2, 3, 50, 699, 4_000_000])
      fed.bus.speak(c.key, topicOf(fed), { round: fed.spec.id, attempt, step: 'trial', payload }, a.publicKey)
    await expect.poll(() => a.session.keygen().attempt, { timeout: 10_000 }).toBeGreaterThan(1)
    expect(a.session.keygen().attempt).toBe(2)
  })

  it('R20: should make no second key under a pending id once all had confirmed the first', async () => {
    fed = openFederation()
    const [a, b, c] = fed.members as [M, M, M]
    // c keeps its trial share to itself, and complains once the others have said theirs.
    let said = 0
    const payload = encodeKeygen('complaint', { accused: undefined, code: 'transcript_mismatch' })
    fed.bus.meddle = (e) => {
      if (e.step === 'proposal' || (e.step === 'trial' && e.author === c.publicKey)) return 'lose'
      if (e.step === 'trial' && ++said === 4)
        for (const to of [a, b])
          fed.bus.speak(
            c.key,
            topicOf(fed),
            { round: fed.spec.id, attempt: 1, step: 'complaint', payload },
            to.publicKey,
          )
      return 'pass'
    }
    approveAll(fed)
    for (const m of fed.members) m.session.startKeygen()
    for (const m of [a, b]) await expect.poll(() => m.session.keygen().phase, { timeout: 20_000 }).toBe('failed')
    a.session.startKeygen()
    expect(a.session.keygen()).toMatchObject({ phase: 'failed', attempt: 1 })
    expect(a.session.proposal()).toBeUndefined()
  })
})

/** The same deal with its last box hash turned round: a message that its author signed. */
function spoilt(f: Federation, author: KeyPair, e: Envelope): Envelope {
  const payload = e.payload.slice()
  payload[payload.length - 1] = (payload.at(-1) ?? 0) ^ 1
  const topic = topicOf(f)
  const wire = sealEnvelope(author, topicName(topic), { ...e, payload })
  const fields = openEnvelope(topic, wire)
  if (fields === undefined) throw new Error('not an envelope')
  return { ...fields, topic, wire, via: 'gossip' }
}

describe('R29: a proposal', () => {
  it('should be refused with another key, transcript, certificate or trial signature than was certified', async () => {
    fed = openFederation()
    await keygenAll(fed)
    const proposal = fed.leaving.session.proposal()?.proposal
    if (proposal === undefined) throw new Error('no proposal')
    const verify = proposalVerifier(fed.spec, topicOf(fed))
    expect(verify(proposal)).toBe(true)
    expect(decodeProposal(encodeProposal(proposal))).toEqual(proposal)

    const thief = KeyPair.generate()
    const aggregateKey = `02${thief.publicKey.slice(2)}` as PublicKey
    // The thief can sign the trial digest under a key of its own; it can't make the members have certified that key.
    expect(verify({ ...proposal, aggregateKey })).toBe(false)
    expect(verify({ ...proposal, transcript: 'ab'.repeat(32) as never })).toBe(false)
    expect(verify({ ...proposal, certificate: new Uint8Array() })).toBe(false)
    expect(verify({ ...proposal, trialSignature: curve.schnorrSign(new Uint8Array(32), thief.exposeSecret()) })).toBe(
      false,
    )
    const others = makeSpec([...fed.spec.keys.slice(1), thief.publicKey], fed.spec.currentKeys)
    expect(proposalVerifier(others, topicOf(fed))(proposal)).toBe(false)
    expect(proposalVerifier(fed.spec, { ...topicOf(fed), network: 'mainnet' })(proposal)).toBe(false)
  })

  it('should not be believed from a participant that forged it', async () => {
    fed = openFederation()
    await keygenAll(fed)
    const proposal = fed.members[0]?.session.proposal()?.proposal
    if (proposal === undefined) throw new Error('no proposal')
    const victim = openFederation()
    const forged = forge(
      victim,
      (victim.members[0] as Federation['members'][0]).key,
      'proposal',
      encodeProposal(proposal),
    )
    const target = victim.members[1] as Federation['members'][0]
    victim.bus.deliver(forged, target.publicKey)
    await settle()
    await settle()
    expect(target.session.proposal()).toBeUndefined()
    victim.stop()
  })
})
