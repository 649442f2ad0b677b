import { asSetHash, noMetrics, type PeerIdStr, silentLogger, systemClock } from '../../src/base/index.ts'
import { KeyPair } from '../../src/curve/index.ts'
import { Gate } from '../../src/gating/index.ts'
import { signerSet } from '../../test/fixtures/sets.ts'

const ROUNDS = 20_000

/** Mean time of one admission decision by a gate with the largest set, half of the askers strangers. */
export function decisionMicros(): { readonly micros: number; readonly keys: number } {
  const members = Array.from({ length: 128 }, () => KeyPair.generate())
  const [self] = members
  if (self === undefined) throw new Error('no member')
  const set = signerSet(members, 65)
  const gate = new Gate({
    self: self.publicKey,
    bridges: [],
    denied: [],
    registryScope: asSetHash('5c'.repeat(32)),
    clock: systemClock,
    logger: silentLogger,
    metrics: noMetrics,
  })
  gate.applySnapshot({
    kind: 'set',
    set,
    tip: { indexBlockHash: '22'.repeat(32), stacksHeight: 1, burnHeight: 1 },
    readAtMs: 0,
  })
  const strangers = Array.from({ length: 128 }, () => KeyPair.generate())
  const askers: PeerIdStr[] = [...members, ...strangers].map((k) => k.peerId)
  const round = (): number => {
    const startMs = performance.now()
    for (let i = 0; i < ROUNDS; i++) gate.mayConnect(askers[i % askers.length] ?? self.peerId, 'inbound')
    return ((performance.now() - startMs) * 1_000) / ROUNDS
  }
  round()
  return { micros: Math.min(round(), round(), round()), keys: set.keys.length }
}
