import { beforeEach, describe, expect, it } from 'vitest'
import { type Logger, type PeerIdStr, silentLogger } from '../../../src/base/index.ts'
import { FloodLog } from '../../../src/p2p/flood-log.ts'
import { topicName } from '../../../src/p2p/index.ts'
import { EnvelopeIntake } from '../../../src/p2p/intake.ts'
import { keyPair, NETWORK, TestClock, TestMetrics, TestRoles, TOPIC } from './kit.ts'

const [self, alice, bob] = ['self', 'alice', 'bob'].map((name) => keyPair(name))

let clock: TestClock
let lines: unknown[]
let logger: Logger
beforeEach(() => {
  clock = new TestClock()
  lines = []
  logger = { ...silentLogger, warn: (_message, fields) => lines.push(fields) }
})

describe('incident 7: who floods', () => {
  const peers = [alice?.peerId, bob?.peerId] as [PeerIdStr, PeerIdStr]

  it('should be in the log, each member once a minute, with how often it was since', () => {
    const log = new FloodLog(clock, logger)
    const [a, b] = peers
    for (let i = 0; i < 1_000; i++) log.note(a, 'messages')
    log.note(b, 'bytes')
    expect(lines).toEqual([
      { peerId: a, what: 'messages' },
      { peerId: b, what: 'bytes' },
    ])
    clock.advance(59_999)
    log.note(a, 'entries')
    expect(lines).toHaveLength(2)
    clock.advance(1)
    log.note(a, 'muted')
    expect(lines[2]).toEqual({ peerId: a, what: 'muted', timesSinceLastLine: 1_000 })
  })
  it('should be in the log when it is muted, and not for less', () => {
    if (self === undefined) expect.unreachable()
    const [a] = peers
    const intake = new EnvelopeIntake({
      ...{ network: NETWORK, self: self.publicKey, boot: 1, roles: new TestRoles(a) },
      ...{ clock, logger, metrics: new TestMetrics() },
    })
    const junk = () =>
      intake.admit({ topic: topicName(TOPIC), data: new Uint8Array(3), forwarder: a, via: 'gossip' }).dropped
    for (let i = 0; i < 20; i++) expect(junk()).toBe('malformed')
    expect(lines).toEqual([])
    junk()
    expect(lines).toEqual([{ peerId: a, what: 'muted' }])
  })
})
