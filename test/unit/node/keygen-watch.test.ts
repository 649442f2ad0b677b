import { describe, expect, it } from 'vitest'
import { KeygenWatch } from '../../../src/node/keygen-watch.ts'
import type { KeygenProgress } from '../../../src/rounds/index.ts'
import { OTHER, SPEC } from './facts.ts'

const keygen = (over: Partial<KeygenProgress>) => ({
  spec: SPEC,
  keygen: { phase: 'running', attempt: 1, lastFailure: undefined, ...over } as const,
})
const silence = { attempt: 1, reason: 'silence at step deal', blamed: [], silent: [OTHER.publicKey] }

describe('KeygenWatch', () => {
  it('should say nothing while nothing is wrong', () => {
    const watch = new KeygenWatch()
    expect(watch.look(0, undefined)).toBeUndefined()
    expect(watch.look(0, keygen({ phase: 'idle', attempt: 0 }))).toBeUndefined()
    expect(watch.look(0, keygen({}))).toBeUndefined()
    expect(watch.look(140_000, keygen({}))).toBeUndefined()
    expect(watch.look(900_000, keygen({ phase: 'done', lastFailure: silence }))).toBeUndefined()
  })

  it('incident 41: should name an attempt that does not end, from its own beginning', () => {
    const watch = new KeygenWatch()
    watch.look(0, keygen({}))
    expect(watch.look(160_000, keygen({}))).toBe('keygen attempt 1 has not ended for 160 s')
    expect(watch.look(161_000, keygen({ attempt: 2 }))).toBeUndefined()
    expect(watch.look(320_000, keygen({ attempt: 2 }))).toMatch(/attempt 2 has not ended for 159 s/)
  })

  it('incident 41: should name who was silent, while it is tried again', () => {
    expect(new KeygenWatch().look(0, keygen({ attempt: 2, lastFailure: silence }))).toBe(
      `keygen attempt 1 failed (silence at step deal): no word from ${OTHER.publicKey}`,
    )
  })

  it('should name who keeps the trial from its end by its restarts, before whoever was not heard', () => {
    const restarts = [{ member: OTHER.publicKey, times: 50 }]
    expect(new KeygenWatch().look(0, keygen({ waiting: { step: 'trial', missing: [], restarts } }))).toBe(
      `keygen attempt 1 comes to no end while ${OTHER.publicKey} restarts (50 times so far)`,
    )
    expect(
      new KeygenWatch().look(0, keygen({ waiting: { step: 'trial', missing: [OTHER.publicKey], restarts: [] } })),
    ).toBe(`keygen attempt 1 goes on when they are back: no trial from ${OTHER.publicKey}`)
  })

  it('R20: should ask for another approval where no attempt may follow', () => {
    expect(new KeygenWatch().look(0, keygen({ phase: 'failed', attempt: 7 }))).toMatch(
      /^keygen attempt 7 failed .* approve the set again as approval attempt 2$/,
    )
  })
})
