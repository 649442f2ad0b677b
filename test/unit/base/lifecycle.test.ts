import { describe, expect, it } from 'vitest'
import { type Startable, StartStack } from '../../../src/base/index.ts'

const FAULTS = { start: new Error('start'), stop: new Error('stop'), other: new Error('other') }

function parts(log: string[], faults: Readonly<Record<string, Error>> = {}): Startable[] {
  const act = async (what: string) => {
    log.push(what)
    const fault = faults[what]
    if (fault !== undefined) throw fault
  }
  return ['a', 'b', 'c'].map((name) => ({ start: () => act(`start ${name}`), stop: () => act(`stop ${name}`) }))
}

describe('StartStack', () => {
  it('should start in order and stop in reverse', async () => {
    const log: string[] = []
    const stack = new StartStack(parts(log))
    await stack.start()
    await stack.stop()
    expect(log).toEqual(['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a'])
  })

  it('should stop what has started, and only that, when a start fails', async () => {
    const log: string[] = []
    const stack = new StartStack(parts(log, { 'start c': FAULTS.start }))
    await expect(stack.start()).rejects.toBe(FAULTS.start)
    expect(log).toEqual(['start a', 'start b', 'start c', 'stop b', 'stop a'])
  })

  it('should tell of the failed start, not of a stop that failed because of it', async () => {
    const stack = new StartStack(parts([], { 'start c': FAULTS.start, 'stop a': FAULTS.stop }))
    await expect(stack.start()).rejects.toBe(FAULTS.start)
  })

  it('should stop every part though one fails, and rethrow the first failure', async () => {
    const log: string[] = []
    const stack = new StartStack(parts(log, { 'stop c': FAULTS.stop, 'stop b': FAULTS.other }))
    await stack.start()
    await expect(stack.stop()).rejects.toBe(FAULTS.stop)
    expect(log.slice(3)).toEqual(['stop c', 'stop b', 'stop a'])
  })

  it('should stop each part once', async () => {
    const log: string[] = []
    const stack = new StartStack(parts(log))
    await stack.start()
    await stack.stop()
    await stack.stop()
    expect(log.filter((l) => l.startsWith('stop'))).toHaveLength(3)
  })

  it('should let a second stop wait for the end of the first', async () => {
    const log: string[] = []
    const gate = Promise.withResolvers<void>()
    const slow: Startable = {
      start: async () => {},
      stop: async () => {
        await gate.promise
        log.push('stopped')
      },
    }
    const stack = new StartStack([slow])
    await stack.start()
    const stops = [stack.stop(), stack.stop().then(() => log.push('second'))]
    await new Promise((resolve) => setImmediate(resolve))
    expect(log).toEqual([])
    gate.resolve()
    await Promise.all(stops)
    expect(log).toEqual(['stopped', 'second'])
  })

  it('should give its signal to every part', async () => {
    const { signal } = new AbortController()
    const given: (AbortSignal | undefined)[] = []
    const part: Startable = { start: async (s) => void given.push(s), stop: async () => {} }
    await new StartStack([part, part]).start(signal)
    expect(given).toEqual([signal, signal])
  })
})
