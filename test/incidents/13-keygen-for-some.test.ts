import { afterEach, describe, expect, it } from 'vitest'
import { curve } from '../../src/curve/index.ts'
import { isCertifiedShare } from '../../src/rounds/index.ts'
import { decodeKeygen, encodeKeygen } from '../../src/rounds/keygen/codec.ts'
import { type Federation, openFederation, registryId, respoken } from '../unit/rounds/pending/federation.ts'

const FAR = 4_000_000_000_000
const WAIT = { timeout: 40_000 }
let fed: Federation
afterEach(() => fed.stop())

const begin = () => {
  for (const m of [...fed.members, fed.leaving]) m.session.announceApproval(FAR)
  for (const m of fed.members) m.session.startKeygen()
}
type M = Federation['members'][0]

/** sBTC #929, #1285: keygen succeeded for some signers and failed for others, and the key went on chain all the same. */
describe('incident 13: a keygen that succeeds for some', () => {
  it('R20: should make no key that one member has not certified', async () => {
    fed = openFederation()
    const [, , c] = fed.members as [M, M, M]
    fed.bus.meddle = (e) => (e.step === 'confirm' && e.author === c.publicKey ? 'lose' : 'pass')
    begin()
    const confirmed = () => fed.bus.gossiped.filter((e) => e.step === 'confirm').length
    // Resends go on, and come to nothing.
    await expect.poll(confirmed, WAIT).toBeGreaterThan(8)
    expect([...fed.members, fed.leaving].map((m) => m.session.proposal())).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
    expect(fed.bus.gossiped.some((e) => e.step === 'trial' && e.author !== c.publicKey)).toBe(false)
    expect(fed.members.flatMap((m) => m.vault.list().filter((s) => s.certificate.length > 0))).toEqual([])
  })

  it('R22: should make no key under which one share does not sign', async () => {
    fed = openFederation()
    const [a, b, c] = fed.members as [M, M, M]
    fed.bus.meddle = (e) => {
      if (e.step !== 'trial' || e.author !== c.publicKey) return e.step === 'proposal' ? 'lose' : 'pass'
      const said = decodeKeygen('trial', e.payload)
      if (said === undefined) throw new Error('no trial')
      return [respoken(fed, c.key, { ...e, payload: encodeKeygen('trial', { ...said, share: curve.randomScalar() }) })]
    }
    begin()
    for (const m of [a, b]) await expect.poll(() => m.session.keygen().phase, WAIT).toBe('failed')
    for (const m of [a, b, fed.leaving]) expect(m.session.proposal()).toBeUndefined()
    for (const m of [a, b])
      expect(m.session.keygen().lastFailure?.blamed).toEqual([{ member: c.publicKey, fault: 'bad_trial_share' }])
    for (const m of [a, b]) expect(m.vault.list().every((s) => s.certificate.length === 0)).toBe(true)
  })

  it('R20: should end for the member that missed the end, too', async () => {
    fed = openFederation()
    const [, , late] = fed.members as [M, M, M]
    fed.bus.meddle = (e, to) => (to === late.publicKey && e.step === 'trial' ? 'lose' : 'pass')
    begin()
    const held = () => late.vault.list().filter((s) => isCertifiedShare(registryId.network)(s)).length
    await expect.poll(held, WAIT).toBe(1)
    const keys = fed.members.map((m) => m.session.proposal()?.proposal.aggregateKey)
    expect(new Set(keys).size).toBe(1)
  })
})
