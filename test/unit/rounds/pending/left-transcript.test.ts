import { afterEach, describe, expect, it } from 'vitest'
import type { PublicKey } from '../../../../src/base/index.ts'
import type { Envelope } from '../../../../src/p2p/index.ts'
import { decodeKeygen, encodeKeygen } from '../../../../src/rounds/keygen/codec.ts'
import { keygenStep } from '../../../../src/rounds/keygen/index.ts'
import type { KeygenState } from '../../../../src/rounds/keygen/state.ts'
import { type Cheat, Network } from '../keygen/harness.ts'
import { type Member, Stage } from './stage.ts'

const COMPLAINT = encodeKeygen('complaint', { accused: undefined, code: 'transcript_mismatch' })
let stage: Stage
afterEach(() => stage?.fed.stop())

/**
 * All have confirmed attempt 1, but nobody heard the hostile member's confirm. All are in attempt 2 now, where it says no deal to
 * anybody, unless it `deals`; and no box arrives, so that it does not end.
 */
async function leftByAll({ deals = false } = {}): Promise<{ readonly wires: readonly Uint8Array[] }> {
  stage = new Stage()
  const { fed, hostile, honest } = stage
  let own: Envelope | undefined
  fed.bus.meddle = (e, to) => {
    // Or it would hold the transcript itself.
    if (e.attempt === 1 && e.step === 'confirm' && to === hostile.publicKey) return 'lose'
    if (e.attempt === 1 && e.author === hostile.publicKey && e.step === 'confirm') {
      own ??= e
      return 'lose'
    }
    if (e.attempt < 2) return 'pass'
    if (e.author === hostile.publicKey && (e.step === 'certified' || (e.step === 'deal' && !deals))) return 'lose'
    return e.step === 'share' ? 'lose' : 'pass'
  }
  stage.begin()
  const confirmOf = (member: PublicKey) =>
    fed.bus.gossiped.find((e) => e.step === 'confirm' && e.attempt === 1 && e.author === member)
  const confirmed = () => fed.members.every((m) => confirmOf(m.publicKey) !== undefined)
  expect(await stage.run(10_000, confirmed)).toBe(true)
  for (const m of fed.members) stage.say(m, 1, 'complaint', COMPLAINT)
  const dealt = () =>
    honest.every((m) => fed.bus.gossiped.some((e) => e.step === 'deal' && e.attempt === 2 && e.author === m.publicKey))
  expect(await stage.run(20_000, dealt)).toBe(true)
  await stage.run(1_000)
  return { wires: fed.spec.keys.map((k) => (k === hostile.publicKey ? own : confirmOf(k))?.wire ?? new Uint8Array()) }
}
const attempts = () => stage.honest.map((m) => m.session.keygen().attempt)
const show = (to: readonly Member[], confirms: readonly Uint8Array[]) => {
  for (const m of to) stage.say(m, 1, 'certified', encodeKeygen('certified', { confirms, told: undefined }))
}

describe('R20: a certificate', () => {
  it('should not be shown before it is on disk, since it is a word for good', () => {
    const seen: KeygenState[] = []
    const look: Cheat = (words, node) => {
      seen.push(node.state)
      return words
    }
    new Network({ n: 3, threshold: 2, seed: 1, cheats: { 0: look } }).run()
    const shownIn = (kind: KeygenState['phase']['kind']) =>
      seen
        .filter((state) => state.phase.kind === kind)
        .map((state) => keygenStep(state, { kind: 'overtaken', by: state.others[0] as PublicKey, attempt: 2 }).effects)
        .map((effects) => effects.flatMap((e) => (e.kind === 'publish' ? [e.utterance.step] : [])))
    expect(shownIn('committing')).toEqual(shownIn('committing').map(() => []))
    expect(shownIn('committing').length).toBeGreaterThan(0)
    expect(shownIn('trying')).toContainEqual(['certified'])
  })

  it('that is none should bring nobody back', async () => {
    const { wires } = await leftByAll()
    const [first = new Uint8Array(), second = new Uint8Array(), ...others] = wires
    for (const forged of [
      wires.slice(1),
      [first, first, ...others],
      [second, first, ...others],
      [...wires, first],
      [new Uint8Array(300), second, ...others],
    ]) {
      show(stage.honest, forged)
      await stage.run(2_500)
      expect(attempts()).toEqual([2, 2, 2])
    }
    show(stage.honest, wires)
    await stage.run(2_500)
    expect(attempts()).toEqual([1, 1, 1])
  })

  it('of one that was heard to deal later should bring nobody back: it has broken its word', async () => {
    const { wires } = await leftByAll({ deals: true })
    show(stage.honest, wires)
    await stage.run(5_000)
    expect(attempts()).toEqual([2, 2, 2])
  })

  it('should bring back those who dealt later, each of whom passes on the word of the one that did not', async () => {
    const { wires } = await leftByAll()
    const { fed, hostile, honest } = stage
    show(honest.slice(0, 1), wires)
    expect(await stage.run(90_000, () => attempts().every((a) => a === 1))).toBe(true)
    const said = fed.bus.gossiped.filter((e) => e.step === 'certified' && e.author !== hostile.publicKey)
    expect(said.length).toBeGreaterThan(0)
    for (const e of said) expect(decodeKeygen('certified', e.payload)).toMatchObject({ confirms: [] })
    fed.bus.meddle = () => 'pass'
    expect(await stage.run(120_000, stage.isProven)).toBe(true)
    expect(stage.transcripts().size).toBe(1)
  })

  it('should be looked at once in a while only, whoever shows it over and over', async () => {
    const { wires } = await leftByAll()
    const junk = wires.map(() => new Uint8Array(300).fill(1))
    for (let i = 0; i < 50; i++) {
      show(stage.honest, junk)
      show(stage.honest, wires)
    }
    await stage.run(1_000)
    expect(attempts()).toEqual([2, 2, 2])
  })
})
