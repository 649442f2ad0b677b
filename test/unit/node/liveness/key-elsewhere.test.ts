import { describe, expect, it } from 'vitest'
import { KeyElsewhere } from '../../../../src/node/liveness/index.ts'
import type { Envelope, Messenger } from '../../../../src/p2p/index.ts'
import { TOPIC } from '../../p2p/kit.ts'
import { CountingMetrics, ManualClock, MemoryLogger } from '../../registry/support/ports.ts'
import { ANN } from './kit.ts'

function bench() {
  const clock = new ManualClock()
  const logger = new MemoryLogger()
  const metrics = new CountingMetrics()
  const elsewhere = new KeyElsewhere({ clock, logger, metrics })
  const said: string[] = []
  const messenger: Messenger = {
    join: () => () => said.push('left'),
    publish: async () => {
      said.push('published')
      return {} as Envelope
    },
    send: async () => {
      said.push('sent')
      return {} as Envelope
    },
    sendEach: () => {
      said.push('sent to each')
      return { envelope: {} as Envelope, failures: Promise.resolve(new Map()) }
    },
  }
  return { clock, logger, metrics, elsewhere, said, guarded: elsewhere.guard(messenger) }
}
const utterance = { round: 'aa'.repeat(32), attempt: 0, step: 's', payload: new Uint8Array() }

describe('R17: a key that is in use elsewhere', () => {
  it('should change nothing while nobody else speaks with it', async () => {
    const { elsewhere, guarded, said, metrics } = bench()
    await guarded.publish(TOPIC, utterance)
    await guarded.send(ANN.publicKey, TOPIC, utterance)
    guarded.join(TOPIC, () => 'accept')()
    expect(said).toEqual(['published', 'sent', 'left'])
    expect([elsewhere.stopped, elsewhere.view]).toEqual([false, undefined])
    expect(metrics.of('key_in_use_elsewhere')).toBe(0)
  })
  it('should silence whatever makes or uses keys, and say what to do', async () => {
    const { elsewhere, guarded, said, metrics, logger } = bench()
    elsewhere.heard(7)
    const error = { code: 'KEY_IN_USE_ELSEWHERE', message: expect.stringMatching(/stop it, then restart this node/) }
    await expect(guarded.publish(TOPIC, utterance)).rejects.toMatchObject(error)
    await expect(guarded.send(ANN.publicKey, TOPIC, utterance)).rejects.toMatchObject(error)
    expect(() => guarded.sendEach([ANN.publicKey], TOPIC, utterance)).toThrow(expect.objectContaining(error))
    expect(said).toEqual([])
    expect(metrics.of('key_in_use_elsewhere')).toBe(1)
    expect(logger.lines).toMatchObject([{ level: 'error', fields: { boot: 7 } }])
  })
  it('should last until a restart, be told once, and keep when it began', () => {
    const { elsewhere, clock, logger } = bench()
    elsewhere.heard(7)
    const since = clock.now()
    clock.advance(1e9)
    elsewhere.heard(8)
    expect(elsewhere.view).toEqual({ sinceMs: since, boot: 7 })
    expect(logger.lines).toHaveLength(1)
  })
})
