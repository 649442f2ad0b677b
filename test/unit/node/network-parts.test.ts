import { expect, it } from 'vitest'
import { LIMITS, silentLogger } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { parseConfig } from '../../../src/node/config/index.ts'
import { createNetwork } from '../../../src/node/network-parts.ts'
import { sealEnvelope } from '../../../src/p2p/envelope.ts'
import { topicName } from '../../../src/p2p/index.ts'
import { registryScope } from '../../../src/registry/index.ts'
import { PromMetrics } from '../../../src/status/index.ts'
import { signerSet } from '../../fixtures/sets.ts'
import { ManualClock } from '../registry/support/ports.ts'
import { configText } from './config-text.ts'

it.each(['freeze', 'close'] as const)(
  'R5: should let the gate hear that the registry is stale, with on_stale = "%s"',
  (onStale) => {
    const self = KeyPair.generate()
    const config = parseConfig(
      configText(self.publicKey, { registry: `on_stale = "${onStale}"` }),
      '/etc/countersign/signer.toml',
      { methods: [] },
    )
    let isStale = false
    const ports = { clock: new ManualClock(), logger: silentLogger, metrics: new PromMetrics() }
    const watcher = { stale: () => isStale }
    const { gate, membership } = createNetwork({ config, key: { keyPair: self }, watcher, boot: 1, ...ports })
    membership.refreshTrust()
    expect(gate.state.trust).toBe('fresh')
    isStale = true
    membership.refreshTrust()
    expect(gate.state.trust).toBe(onStale === 'close' ? 'closed' : 'frozen')
  },
)

it("should hand the config's bridges, backup services and denials to the gate, and listen for its own key (R17)", () => {
  const [self, member, denied, bridge, backup] = Array.from({ length: 5 }, () => KeyPair.generate()) as [
    KeyPair,
    KeyPair,
    KeyPair,
    KeyPair,
    KeyPair,
  ]
  const clock = new ManualClock()
  const config = parseConfig(
    configText(self.publicKey, {
      p2p: `deny = ["${denied.publicKey}"]`,
      tail: `[[bridge]]
peer_id = "${bridge.peerId}"
methods = ["threshold.sign"]
[[backup]]
peer_id = "${backup.peerId}"`,
    }),
    '/etc/countersign/signer.toml',
    { methods: ['threshold.sign'] },
  )
  const { gate, host, elsewhere } = createNetwork({
    config,
    key: { keyPair: self },
    watcher: { stale: () => false },
    boot: 1,
    clock,
    logger: silentLogger,
    metrics: new PromMetrics(),
  })
  gate.applySnapshot({
    kind: 'set',
    set: signerSet([self, member, denied]),
    tip: { indexBlockHash: '22'.repeat(32), stacksHeight: 7, burnHeight: 7 },
    readAtMs: 0,
  })
  expect(gate.mayConnect(member.peerId, 'inbound')).toEqual({ ok: true })
  expect(gate.mayConnect(bridge.peerId, 'inbound')).toEqual({ ok: true })
  expect(gate.roleOf(backup.peerId)).toBe('backup')
  expect(gate.mayConnect(denied.peerId, 'inbound')).toEqual({ ok: false, reason: 'denied_by_operator' })

  // R17: what the host hears of this node's own key stops its signing.
  const topic = { network: 'testnet', scope: registryScope(config.registry.id), purpose: 'liveness' } as const
  const said = { round: '11'.repeat(32), attempt: 0, step: 'beat', payload: new Uint8Array(), counter: 1 }
  const wireOf = (boot: number) =>
    sealEnvelope(self, topicName(topic), { ...said, boot, expiresAtMs: clock.now() + LIMITS.envelopeTtlMs })
  host.overheard(topic, wireOf(1))
  expect(elsewhere.stopped).toBe(false)
  host.overheard(topic, wireOf(2))
  expect(elsewhere.view).toEqual({ sinceMs: clock.now(), boot: 2 })
})
