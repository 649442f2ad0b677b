import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { DeadlineError, sleep, withDeadline } from '../../../src/base/index.ts'
import { VirtualClock } from '../../simulator/virtual-clock.ts'

/** Work that ignores its signal and never ends. */
const deaf = () => new Promise<never>(() => {})
const LONG_MS = 60_000

describe('withDeadline', () => {
  it('should give the result of the work', async () => {
    expect(await withDeadline('work', LONG_MS, async () => 7)).toBe(7)
  })

  it("should pass the work's own failure on", async () => {
    const failure = new Error('own')
    await expect(withDeadline('work', LONG_MS, () => Promise.reject(failure))).rejects.toBe(failure)
  })

  it('should reject at the deadline though the work ignores it, and say what was waited for', async () => {
    await expect(withDeadline('the peer', 5, deaf)).rejects.toMatchObject({
      code: 'DEADLINE',
      data: { waitingFor: 'the peer', timeoutMs: 5 },
    })
  })

  it('should measure by the clock it is given, and leave no timer there', async () => {
    const clock = new VirtualClock()
    const late = withDeadline('the peer', LONG_MS, deaf, undefined, clock)
    const failed = expect(late).rejects.toMatchObject({ code: 'DEADLINE' })
    await clock.runFor(LONG_MS)
    await failed
    expect(await withDeadline('work', LONG_MS, async () => 7, undefined, clock)).toBe(7)
    await clock.runFor(LONG_MS)
    expect(clock.fired).toBe(1)
  })

  it("should abort the work's signal at the deadline", async () => {
    let given: AbortSignal | undefined
    const ended = withDeadline('work', 5, (signal) => {
      given = signal
      return deaf()
    })
    await expect(ended).rejects.toBeInstanceOf(DeadlineError)
    expect(given?.aborted).toBe(true)
    expect(given?.reason).toBeInstanceOf(DeadlineError)
  })

  it('should not begin when the parent has ended already', async () => {
    let begun = false
    const reason = new Error('stopped')
    const work = async () => {
      begun = true
    }
    await expect(withDeadline('work', LONG_MS, work, AbortSignal.abort(reason))).rejects.toBe(reason)
    expect(begun).toBe(false)
  })

  it("should end with the parent, for the parent's reason, and abort the work", async () => {
    const parent = new AbortController()
    let given: AbortSignal | undefined
    const ended = withDeadline(
      'work',
      LONG_MS,
      (signal) => {
        given = signal
        return deaf()
      },
      parent.signal,
    )
    const reason = new Error('stopped')
    parent.abort(reason)
    await expect(ended).rejects.toBe(reason)
    expect(given?.aborted).toBe(true)
  })

  it('should leave no listener on a parent that lives on', async () => {
    const parent = new AbortController()
    await withDeadline('work', LONG_MS, async () => {}, parent.signal)
    await expect(withDeadline('work', 5, deaf, parent.signal)).rejects.toBeInstanceOf(DeadlineError)
    expect(getEventListeners(parent.signal, 'abort')).toEqual([])
  })
})

describe('sleep', () => {
  it('should end after its time', async () => {
    await expect(sleep(1)).resolves.toBeUndefined()
  })

  it('should measure by the clock it is given', async () => {
    const clock = new VirtualClock()
    const startMs = clock.now()
    const woken = sleep(LONG_MS, undefined, clock).then(() => clock.now() - startMs)
    await clock.runFor(2 * LONG_MS)
    expect(await woken).toBe(LONG_MS)
  })

  it('should not begin under an aborted signal', async () => {
    const reason = new Error('stopped')
    await expect(sleep(LONG_MS, AbortSignal.abort(reason))).rejects.toBe(reason)
  })

  it("should end with its signal, for the signal's reason", async () => {
    const controller = new AbortController()
    const asleep = sleep(LONG_MS, controller.signal)
    const reason = new Error('stopped')
    controller.abort(reason)
    await expect(asleep).rejects.toBe(reason)
  })

  it('should leave no listener on a signal that lives on', async () => {
    const controller = new AbortController()
    await sleep(1, controller.signal)
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })
})
