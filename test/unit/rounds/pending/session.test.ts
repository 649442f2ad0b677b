import { afterEach, describe, expect, it } from 'vitest'
import { LIMITS, type PublicKey } from '../../../../src/base/index.ts'
import { makeKey as keyMadeHere } from '../../../../src/crypto/index.ts'
import { curve, KeyPair, publicKeyBytes, xOnly } from '../../../../src/curve/index.ts'
import { sealEnvelope } from '../../../../src/p2p/envelope.ts'
import type { Envelope } from '../../../../src/p2p/index.ts'
import { openEnvelope, topicName } from '../../../../src/p2p/index.ts'
import { isCertifiedShare, keyThreads, type MakesKeys } from '../../../../src/rounds/index.ts'
import { decodeKeygen, encodeKeygen } from '../../../../src/rounds/keygen/codec.ts'
import { decodeProposal, encodeApproval, encodeProposal } from '../../../../src/rounds/pending/messages.ts'
import { proposalVerifier } from '../../../../src/rounds/pending/verify-proposal.ts'
import { MemoryLogger } from '../../registry/support/ports.ts'
import { plusOne } from '../keygen/cheats.ts'
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

describe('a large set', () => {
  const THREADS = 3
  it('should have its keys made on threads, and a thread that fails costs an attempt and no more', async () => {
    const onThread = keyThreads()
    let calls = 0
    let threads = 0
    // A node has its threads for itself. Here all members would wait for the same two, and on a busy machine for longer than an
    // attempt allows; so the others make theirs here.
    const makeKey: MakesKeys = async (material, signal) => {
      if (++calls === 1) throw new Error('the thread died')
      if (threads === THREADS) return keyMadeHere(material)
      threads++
      return await onThread(material, signal)
    }
    fed = openFederation(LIMITS.maxKeygenOnLoop + 1, 9, { makeKey })
    approveAll(fed)
    for (const m of fed.members) m.session.startKeygen()
    const isProven = () => fed.members.every((m) => m.session.proposal() !== undefined)
    await expect.poll(isProven, { timeout: 60_000 }).toBe(true)
    expect(calls).toBeGreaterThan(fed.members.length)
    expect(threads).toBe(THREADS)
    expect(fed.members.some((m) => m.session.keygen().lastFailure?.reason.startsWith('internal'))).toBe(true)
    expect(new Set(fed.members.map((m) => m.session.proposal()?.proposal.transcript)).size).toBe(1)
  }, 90_000)
})

describe('keygen attempts', () => {
  type M = Federation['members'][0]
  it('R20: should end at once where a share can not be stored, confirm nothing, tell why, and leave the others time', async () => {
    const logger = new MemoryLogger()
    fed = openFederation(3, 2, { logger })
    const [full] = fed.members as [M]
    full.vault.put = () => Promise.reject(new Error('no space left on device (ENOSPC)'))
    for (const m of fed.members) m.session.startKeygen()
    const failure = () => full.session.keygen().lastFailure?.reason
    await expect.poll(failure, { timeout: 10_000 }).toMatch(/could not store its share.*ENOSPC/)
    expect(logger.lines).toContainEqual(
      expect.objectContaining({ level: 'error', fields: { error: expect.stringContaining('ENOSPC') } }),
    )
    expect(fed.bus.gossiped.filter((e) => e.author === full.publicKey && e.step === 'confirm')).toEqual([])
    // An attempt a second would have all members write a share each time.
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    expect(fed.members.map((m) => m.session.keygen().attempt)).toEqual([1, 1, 1])
  })

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
    // c keeps its trial share to itself, and complains and opens anew once the others have said theirs.
    let trials = 0
    const payload = encodeKeygen('complaint', { accused: undefined, code: 'transcript_mismatch' })
    const open = () => fed.bus.gossiped.find((e) => e.step === 'open' && e.author === c.publicKey)?.payload
    fed.bus.meddle = (e) => {
      if (e.step === 'proposal' || (e.step.startsWith('trial') && e.author === c.publicKey)) return 'lose'
      if (e.step === 'trial' && ++trials === 4)
        for (const { publicKey: to } of [a, b]) {
          const about = { round: fed.spec.id, attempt: 1 }
          fed.bus.speak(c.key, topicOf(fed), { ...about, step: 'complaint', payload }, to)
          const again = { ...about, attempt: 2, step: 'open', payload: open() ?? payload }
          fed.bus.speak(c.key, topicOf(fed), again, to)
        }
      return 'pass'
    }
    approveAll(fed)
    for (const m of fed.members) m.session.startKeygen()
    await expect.poll(() => trials, { timeout: 20_000 }).toBeGreaterThan(8)
    for (const m of [a, b]) {
      expect(m.session.keygen()).toMatchObject({ phase: 'running', attempt: 1 })
      expect(m.session.proposal()).toBeUndefined()
    }
  })

  it('R20: should make no second key for one that is ahead of the first before all had confirmed it', async () => {
    fed = openFederation()
    const [a, b, c] = fed.members as [M, M, M]
    // c keeps its trial share to itself, and speaks of the next attempt so early that the others have not confirmed.
    fed.bus.meddle = (e) => {
      if (e.step === 'proposal' || (e.step.startsWith('trial') && e.author === c.publicKey)) return 'lose'
      if (e.step === 'open' && e.author === c.publicKey && e.attempt === 1)
        for (const { publicKey: to } of [a, b])
          fed.bus.speak(c.key, topicOf(fed), { round: fed.spec.id, attempt: 2, step: 'open', payload: e.payload }, to)
      return 'pass'
    }
    approveAll(fed)
    for (const m of fed.members) m.session.startKeygen()
    const trials = () => new Set(fed.bus.gossiped.filter((e) => e.step === 'trial').map((e) => e.author)).size
    await expect.poll(trials, { timeout: 20_000 }).toBe(3)
    // Longer than the pause before an attempt: what was said last of this one comes after it.
    const from = Date.now()
    const isSaidAgain = () =>
      Date.now() - from > 2_500 && fed.bus.gossiped.some((e) => e.step === 'trial' && e.author === a.publicKey)
    await expect.poll(isSaidAgain, { timeout: 20_000 }).toBe(true)
    for (const m of [a, b]) expect(m.session.keygen()).toMatchObject({ phase: 'running', attempt: 1 })
  })

  it('R20: should end for good where a confirmed key meets a wrong trial share', async () => {
    fed = openFederation()
    const [a, b, c] = fed.members as [M, M, M]
    fed.bus.meddle = (e) => {
      if (e.step === 'proposal') return 'lose'
      if (e.step !== 'trial' || e.author !== c.publicKey) return 'pass'
      const { share, packageHash } = decodeKeygen('trial', e.payload) ?? { share: e.payload, packageHash: e.payload }
      return [spoilt(fed, c.key, { ...e, payload: encodeKeygen('trial', { share: plusOne(share), packageHash }) }, 0)]
    }
    approveAll(fed)
    for (const m of fed.members) m.session.startKeygen()
    for (const m of [a, b]) {
      await expect.poll(() => m.session.keygen().phase, { timeout: 20_000 }).toBe('failed')
      expect(m.session.keygen().lastFailure?.blamed).toEqual([{ member: c.publicKey, fault: 'bad_trial_share' }])
      m.session.startKeygen()
      expect(m.session.keygen()).toMatchObject({ phase: 'failed', attempt: 1 })
    }
  })
})

/** The same deal with its last box hash turned round: a message that its author signed. */
function spoilt(f: Federation, author: KeyPair, e: Envelope, flip = 1): Envelope {
  const payload = e.payload.slice()
  payload[payload.length - 1] = (payload.at(-1) ?? 0) ^ flip
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
