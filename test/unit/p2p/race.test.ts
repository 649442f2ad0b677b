import { describe, expect, it } from 'vitest'
import { raceInOrder } from '../../../src/p2p/race.ts'
import { TestClock } from './kit.ts'

function bench(maxRunning = 8, signal = new AbortController().signal) {
  const clock = new TestClock()
  const attempts = new Map<string, PromiseWithResolvers<string> & { readonly signal: AbortSignal }>()
  const discarded: string[] = []
  const race = (...candidates: readonly string[]) => {
    const outcome = raceInOrder(candidates, {
      clock,
      staggerMs: 100,
      maxRunning,
      attemptMs: 3_000,
      signal,
      attempt: (candidate, own) => {
        const one = { ...Promise.withResolvers<string>(), signal: own }
        attempts.set(candidate, one)
        return one.promise
      },
      discard: (late) => discarded.push(late),
    })
    outcome.catch(() => {})
    return outcome
  }
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  const of = (name: string) => {
    const one = attempts.get(name)
    if (one === undefined) throw new Error(`${name} was not attempted`)
    return one
  }
  return { clock, race, attempts, of, discarded, settle }
}

describe('a race of addresses', () => {
  it('should begin with the best alone, and the next one a short delay later', () => {
    const { clock, race, attempts } = bench()
    void race('tcp', 'quic', 'third')
    expect([...attempts.keys()]).toEqual(['tcp'])
    clock.advance(99)
    expect([...attempts.keys()]).toEqual(['tcp'])
    clock.advance(1)
    expect([...attempts.keys()]).toEqual(['tcp', 'quic'])
    clock.advance(100)
    expect([...attempts.keys()]).toEqual(['tcp', 'quic', 'third'])
  })
  it('should not wait out the delay when the best fails at once', async () => {
    const { race, attempts, of, settle } = bench()
    void race('tcp', 'quic')
    of('tcp').reject(new Error('refused'))
    await settle()
    expect([...attempts.keys()]).toEqual(['tcp', 'quic'])
  })
  it('should take the first success, call the others off, and leave the winner and its signal alone', async () => {
    const { clock, race, of } = bench()
    const outcome = race('tcp', 'quic')
    clock.advance(100)
    of('quic').resolve('quic')
    expect(await outcome).toBe('quic')
    expect(of('tcp').signal.aborted).toBe(true)
    expect(of('quic').signal.aborted).toBe(false)
    expect(clock.delays()).toEqual([])
  })
  it('should discard who comes too late', async () => {
    const { clock, race, of, discarded, settle } = bench()
    const outcome = race('tcp', 'quic')
    clock.advance(100)
    of('quic').resolve('quic')
    await outcome
    of('tcp').resolve('tcp')
    await settle()
    expect(discarded).toEqual(['tcp'])
  })
  it('should start no more at once than it may', async () => {
    const { clock, race, attempts, of, settle } = bench(2)
    void race('a', 'b', 'c')
    clock.advance(2_999)
    expect([...attempts.keys()]).toEqual(['a', 'b'])
    of('a').reject(new Error('no'))
    await settle()
    expect([...attempts.keys()]).toEqual(['a', 'b', 'c'])
  })
  it('should give up the oldest that hangs once another one waits for its place, and discard it if it comes after all', async () => {
    const { clock, race, attempts, of, discarded, settle } = bench(2)
    const outcome = race('a', 'b', 'c', 'd')
    clock.advance(2_999)
    expect(attempts.size).toBe(2)
    clock.advance(1)
    expect([...attempts.keys()]).toEqual(['a', 'b', 'c'])
    expect(of('a').signal.aborted).toBe(true)
    of('a').resolve('a')
    await settle()
    expect(discarded).toEqual(['a'])
    clock.advance(100)
    expect([...attempts.keys()]).toEqual(['a', 'b', 'c', 'd'])
    of('d').resolve('d')
    expect(await outcome).toBe('d')
  })
  it('should let one that is slow take its time while nobody waits for its place', async () => {
    const { clock, race, of } = bench(2)
    const outcome = race('a', 'b')
    clock.advance(9_000)
    expect(of('a').signal.aborted).toBe(false)
    of('a').resolve('a')
    expect(await outcome).toBe('a')
  })
  it('should fail with all failures once all have failed, and not before', async () => {
    const { race, of, settle } = bench()
    const outcome = race('a', 'b')
    of('a').reject(new Error('one'))
    await settle()
    of('b').reject(new Error('two'))
    await expect(outcome).rejects.toMatchObject({ errors: [new Error('one'), new Error('two')] })
  })
  it('should fail at once when there is nothing to attempt', async () => {
    await expect(bench().race()).rejects.toBeInstanceOf(AggregateError)
  })
  it('should stop for its signal, with its reason, and call all off', async () => {
    const controller = new AbortController()
    const { clock, race, of, attempts } = bench(8, controller.signal)
    const outcome = race('a', 'b', 'c')
    clock.advance(100)
    controller.abort(new Error('enough'))
    await expect(outcome).rejects.toThrow('enough')
    expect(of('a').signal.aborted && of('b').signal.aborted).toBe(true)
    clock.advance(1_000)
    expect(attempts.size).toBe(2)
    await expect(race('d')).rejects.toThrow('enough')
  })
})
