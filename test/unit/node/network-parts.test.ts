import { expect, it } from 'vitest'
import { silentLogger } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { parseConfig } from '../../../src/node/config/index.ts'
import { createNetwork } from '../../../src/node/network-parts.ts'
import { PromMetrics } from '../../../src/status/index.ts'
import { signerSet } from '../../fixtures/sets.ts'
import { ManualClock } from '../registry/support/ports.ts'

it("should hand the config's bridges, backup services and denials to the gate", () => {
  const [self, member, denied, bridge, backup] = Array.from({ length: 5 }, () => KeyPair.generate()) as [
    KeyPair,
    KeyPair,
    KeyPair,
    KeyPair,
    KeyPair,
  ]
  const config = parseConfig(
    `[identity]
key_file = "signer.key"
public_key = "${self.publicKey}"
passphrase_file = "pass"
[registry]
network = "testnet"
chain_id = 2147483648
contract = "ST000000000000000000002AMW42H.sbtc-registry"
endpoints = ["http://127.0.0.1:20443"]
[p2p]
listen = ["/ip4/127.0.0.1/tcp/0"]
deny = ["${denied.publicKey}"]
[[bridge]]
peer_id = "${bridge.peerId}"
methods = ["threshold.sign"]
[[backup]]
peer_id = "${backup.peerId}"
`,
    '/etc/countersign/signer.toml',
    { methods: ['threshold.sign'] },
  )
  const { gate } = createNetwork({
    config,
    key: { keyPair: self },
    watcher: { stale: () => false },
    boot: 1,
    clock: new ManualClock(),
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
})
