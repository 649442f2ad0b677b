import { beforeEach, describe, expect, it } from 'vitest'
import { KeyPair } from '../../../src/curve/index.ts'
import { RoundWatch } from '../../../src/rounds/drivers/round-watch.ts'
import type { SignResult } from '../../../src/signer/index.ts'
import { ManualClock } from '../registry/support/ports.ts'

const member = KeyPair.generate().publicKey
const SIGNED: SignResult = { ok: true, signatures: [new Uint8Array(64)] }
const failed = (code: 'TIMEOUT' | 'STOPPED', missing = [member]): SignResult => ({
  ...{ ok: false, code, message: '', missing, cheaters: [] },
})
let clock: ManualClock
let watch: RoundWatch
beforeEach(() => {
  clock = new ManualClock()
  watch = new RoundWatch(clock)
})
const ended = (result: SignResult) => watch.watch('r', clock.now() + 1_000, Promise.resolve(result))

describe('RoundWatch', () => {
  it('incident 41: should name a round that is open past its deadline, until it ends', async () => {
    const answer = Promise.withResolvers<SignResult>()
    const deadlineMs = clock.now() + 1_000
    const watched = watch.watch('ab', deadlineMs, answer.promise)
    clock.advance(1_000)
    expect(watch.health().overdue).toEqual([])
    clock.advance(1)
    expect(watch.health().overdue).toEqual([{ round: 'ab', deadlineMs }])
    answer.resolve(SIGNED)
    expect(await watched).toBe(SIGNED)
    expect(watch.health()).toEqual({ overdue: [], silent: undefined })
  })

  it('should let go of a round that broke', async () => {
    await expect(watch.watch('ab', 0, Promise.reject(new Error('bug')))).rejects.toThrow('bug')
    expect(watch.health().overdue).toEqual([])
  })

  it('incident 41: should name who said nothing until a round succeeds, the set changes, or time has passed', async () => {
    const silent = () => watch.health().silent?.missing
    await ended(failed('TIMEOUT'))
    expect(silent()).toEqual([member])
    await ended(SIGNED)
    expect(silent()).toBeUndefined()
    await ended(failed('TIMEOUT'))
    watch.forget()
    expect(silent()).toBeUndefined()
    await ended(failed('TIMEOUT'))
    clock.advance(5 * 60_000)
    expect(silent()).toBeUndefined()
  })

  it('R27: should not blame members that were only not asked yet, nor a round that was stopped', async () => {
    await ended(failed('TIMEOUT', []))
    await ended(failed('STOPPED'))
    expect(watch.health().silent).toBeUndefined()
  })
})
