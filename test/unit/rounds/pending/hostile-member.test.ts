import { afterEach, describe, expect, it } from 'vitest'
import type { Envelope } from '../../../../src/p2p/index.ts'
import { decodeKeygen, encodeKeygen } from '../../../../src/rounds/keygen/codec.ts'
import type { Meddler } from '../../../fixtures/bus.ts'
import { chanceOf } from '../keygen/harness.ts'
import { registryId, respoken } from './federation.ts'
import { type Member, onceConfirmed, Stage } from './stage.ts'

const COMPLAINT = encodeKeygen('complaint', { accused: undefined, code: 'transcript_mismatch' })
const TRIAL = encodeKeygen('trial', { share: new Uint8Array(32).fill(1), packageHash: new Uint8Array(32).fill(1) })
let stage: Stage
afterEach(() => stage.fed.stop())

describe('R20, R21: a member that keeps its confirm back, and names the next attempt as soon as all others have confirmed', () => {
  it('should leave the others a staged share for each pause that doubles, and no more; they are told, and go on without a human', async () => {
    stage = new Stage()
    const { fed, hostile, honest } = stage
    const look = onceConfirmed(stage, (attempt) => {
      for (const m of honest) stage.say(m, attempt + 1, `commit/${'A'.repeat(24)}`, new Uint8Array(1))
    })
    fed.bus.meddle = (e, to) => {
      look(e)
      return e.step === 'confirm' && (e.author === hostile.publicKey || to === hostile.publicKey) ? 'lose' : 'pass'
    }
    stage.begin()
    await stage.run(20_000)
    const staged = honest.map((m) => m.vault.list().length)
    expect(Math.max(...staged)).toBeLessThanOrEqual(4)
    expect(Math.min(...staged)).toBeGreaterThan(1)
    expect(stage.reasons.some((r) => r.endsWith('overtaken'))).toBe(true)
    for (const m of honest) expect(m.session.keygen().lastFailure?.reason).toContain('was heard in attempt')
    fed.bus.meddle = () => 'pass'
    expect(await stage.run(120_000, stage.isProven)).toBe(true)
    expect(stage.transcripts().size).toBe(1)
    expect(stage.blamed).toEqual(new Set())
  })
})

describe('R20: one last word that is another one for each', () => {
  /** The hostile member's confirm comes to the first last, and to the others after `word`. */
  const strike = (word: (s: Stage, to: Member, confirm: Envelope) => void, after: Meddler = () => 'pass'): Stage => {
    const s = new Stage()
    const { fed, hostile, honest } = s
    const [first, ...others] = honest as [Member, ...Member[]]
    let confirm: Envelope | undefined
    const look = onceConfirmed(s, () => {
      if (confirm === undefined) return
      fed.bus.meddle = () => 'pass'
      fed.bus.deliver(confirm, first.publicKey)
      fed.bus.meddle = after
      for (const m of others) word(s, m, confirm)
      const last = confirm
      s.clock.after(200, () => {
        word(s, first, last)
        for (const m of others) fed.bus.deliver(last, m.publicKey)
      })
    })
    fed.bus.meddle = (e) => {
      look(e)
      if (e.author !== hostile.publicKey || e.step !== 'confirm') return 'pass'
      confirm ??= e
      return 'lose'
    }
    s.begin()
    return s
  }

  it('R20: a complaint to some and the confirm to one should split nobody: who left is shown the certificate, and comes back', async () => {
    stage = strike((s, to) => s.say(to, 1, 'complaint', COMPLAINT))
    expect(await stage.run(20_000, stage.isProven)).toBe(true)
    expect(stage.fed.members.map((m) => m.session.proposal()?.proposal.keygenAttempt)).toEqual([1, 1, 1, 1])
    expect(stage.transcripts().size).toBe(1)
    expect(stage.blamed).toEqual(new Set())
  })

  it('R20: a confirm to one member only should stop nobody: it shows the others the certificate when they say no trial share', async () => {
    stage = strike(
      () => {},
      (e) => (e.author === stage.hostile.publicKey && e.step === 'confirm' ? 'lose' : 'pass'),
    )
    expect(await stage.run(60_000, stage.isProven)).toBe(true)
    expect(stage.reasons).toEqual([])
  })

  it('R16, R20: another confirm to some should split nobody, and be shown by all who heard both', async () => {
    let counter = 77
    stage = strike((s, to, confirm) => {
      const said = decodeKeygen('confirm', confirm.payload)
      if (said === undefined) throw new Error('not a confirm')
      const payload = encodeKeygen('confirm', { ...said, transcript: 'ab'.repeat(32) as typeof said.transcript })
      s.fed.bus.deliver(respoken(s.fed, s.hostile.key, { ...confirm, counter: counter++, payload }), to.publicKey)
    })
    expect(await stage.run(60_000, stage.isProven)).toBe(true)
    expect(stage.transcripts().size).toBe(1)
    expect(stage.blamed).toEqual(new Set([stage.hostile.publicKey]))
    for (const m of stage.honest) expect(stage.reasons).toContain(`${m.publicKey} fault`)
  })

  it('R20: should split nobody where who left restarts before it is shown the certificate', async () => {
    stage = strike(
      (s, to) => s.say(to, 1, 'complaint', COMPLAINT),
      (e) => (e.step === 'certified' ? 'lose' : 'pass'),
    )
    const left = stage.honest[1] as Member
    expect(await stage.run(20_000, () => left.session.keygen().attempt === 2)).toBe(true)
    stage.fed.restart(left)
    expect(await stage.run(20_000, () => left.session.keygen().attempt === 3)).toBe(true)
    stage.fed.bus.meddle = () => 'pass'
    expect(await stage.run(90_000, stage.isProven)).toBe(true)
    expect(stage.fed.members.map((m) => m.session.proposal()?.proposal.keygenAttempt)).toEqual([1, 1, 1, 1])
  })
})

describe('R19: attempt numbers', () => {
  it('should not be used up by two members with one word each', async () => {
    stage = new Stage(5, 3)
    const { fed, hostile, honest } = stage
    const [second, ...others] = honest as [Member, ...Member[]]
    stage.begin()
    const topic = { network: registryId.network, scope: fed.spec.id, purpose: 'keygen' } as const
    const far = { round: fed.spec.id, attempt: 0xffff_ffff, step: 'trial', payload: TRIAL }
    let struck = false
    fed.bus.meddle = (e, to) => {
      // Or it would hold that transcript, and call the others back.
      if (to === hostile.publicKey && e.step === 'confirm' && e.attempt === 1) return 'lose'
      if (!struck && e.step === 'open') {
        struck = true
        for (const liar of [hostile, second]) for (const m of others) fed.bus.speak(liar.key, topic, far, m.publicKey)
      }
      return e.author === hostile.publicKey && e.step === 'confirm' && e.attempt === 1 ? 'lose' : 'pass'
    }
    expect(await stage.run(300_000, stage.isProven)).toBe(true)
    for (const m of fed.members) expect(m.session.keygen().attempt).toBeLessThan(2_000)
  })
})

describe('R19, R20: a member that does at random what a member can do', () => {
  const seeds = Array.from({ length: Number(process.env.SIMULATION_SEEDS ?? 12) }, (_, i) => i + 1)
  it.each(seeds)(
    'should cost no key, make no second one, and have nobody honest blamed: seed %i',
    async (seed) => {
      stage = new Stage()
      const { fed, hostile, honest } = stage
      const chance = chanceOf(seed)
      const some = (): readonly Member[] => honest.filter(() => chance() < 0.5)
      const moves: readonly ((attempt: number) => void)[] = [
        (attempt) => some().forEach((m) => void stage.say(m, attempt, 'complaint', COMPLAINT)),
        (attempt) => some().forEach((m) => void stage.say(m, attempt + 1, 'trial', TRIAL)),
        (attempt) =>
          some().forEach((m) => void stage.say(m, attempt + 1 + Math.floor(chance() * 1e6), 'open', COMPLAINT)),
        () => fed.restart(hostile),
        () => fed.restart(honest[Math.floor(chance() * honest.length)] ?? hostile),
        (attempt) => {
          const held = kept.filter((e) => e.attempt <= attempt)
          for (const e of held) for (const m of some()) fed.bus.deliver(e, m.publicKey)
        },
        (attempt) => {
          for (const e of kept.filter((k) => k.step === 'confirm' && k.attempt === attempt)) {
            const said = decodeKeygen('confirm', e.payload)
            if (said === undefined) continue
            const payload = encodeKeygen('confirm', { ...said, transcript: 'ab'.repeat(32) as typeof said.transcript })
            for (const m of some()) fed.bus.deliver(respoken(fed, hostile.key, { ...e, payload }), m.publicKey)
          }
        },
      ]
      const kept: Envelope[] = []
      let isHostile = true
      const play = (attempt: number) => {
        if (!isHostile) return
        for (let i = 0; i < 2; i++) moves[Math.floor(chance() * moves.length)]?.(attempt)
      }
      const look = onceConfirmed(stage, (attempt) => {
        play(attempt)
        stage.clock.after(300, () => play(attempt))
      })
      const replayed = new Set<Envelope>()
      const meddle: Meddler = (e) => {
        look(e)
        if (e.author !== hostile.publicKey || e.step === 'approve' || replayed.has(e)) return 'pass'
        // Of what it says itself, each hears what chance lets through; the rest may come late.
        if (e.step !== 'confirm' && e.step !== 'certified' && chance() < 0.9) return 'pass'
        if (chance() < 0.3) return 'pass'
        kept.push(e)
        if (kept.length > 20) kept.shift()
        replayed.add(e)
        return 'lose'
      }
      fed.bus.meddle = meddle
      stage.begin()
      await stage.run(30_000 + Math.floor(chance() * 60_000))
      isHostile = false
      fed.bus.meddle = () => 'pass'
      const isOver = await stage.run(30 * 60_000, stage.isProven)
      const where = fed.members.map((m) => ({ ...m.session.keygen(), trials: [...stage.trialsOf(m)] }))
      expect(isOver, JSON.stringify(where)).toBe(true)
      expect(stage.transcripts().size).toBe(1)
      for (const m of honest) {
        expect(stage.trialsOf(m).size, 'attempts in which it gave a trial share').toBeLessThanOrEqual(1)
        expect(stage.blamed.has(m.publicKey)).toBe(false)
      }
    },
    120_000,
  )
})
