import { expect, it } from 'vitest'
import { KeyPair } from '../../../src/curve/index.ts'
import { parseConfig } from '../../../src/node/config/index.ts'
import { applyReload, type NetworkParts } from '../../../src/node/network-parts.ts'
import { configText } from './config-text.ts'

it('should reach gate, grants and seeds in this order and before the first wait, with every list of the config', async () => {
  const [self, member, denied, bridge, backup] = [0, 1, 2, 3, 4].map(() => KeyPair.generate()) as [
    KeyPair,
    KeyPair,
    KeyPair,
    KeyPair,
    KeyPair,
  ]
  const seed = `/ip4/127.0.0.1/tcp/1/p2p/${member.peerId}`
  const config = parseConfig(
    configText(self.publicKey, {
      p2p: `seeds = ["${seed}"]\ndeny = ["${denied.publicKey}"]`,
      tail: `[[bridge]]\npeer_id = "${bridge.peerId}"\nmethods = ["threshold.sign"]\n[[backup]]\npeer_id = "${backup.peerId}"`,
    }),
    '/etc/countersign/signer.toml',
    { methods: ['threshold.sign'] },
  )
  const told: unknown[] = []
  const closed = Promise.withResolvers<void>()
  const membership: Pick<NetworkParts['membership'], 'applyLists' | 'applySeeds'> = {
    applyLists: (lists) => {
      told.push(['gate', lists])
      return closed.promise
    },
    applySeeds: (seeds) => void told.push(['seeds', seeds.length]),
  }
  const grants: Pick<NetworkParts['grants'], 'replace'> = {
    replace: (bridges) => void told.push(['grants', bridges]),
  }
  const parts: Partial<NetworkParts> = {
    membership: membership as NetworkParts['membership'],
    grants: grants as NetworkParts['grants'],
  }
  let isDone = false
  const done = applyReload(parts as NetworkParts, config).then(() => {
    isDone = true
  })
  expect(told).toEqual([
    ['gate', { bridges: [bridge.peerId], backups: [backup.peerId], denied: [denied.peerId] }],
    ['grants', [expect.objectContaining({ peerId: bridge.peerId, methods: ['threshold.sign'] })]],
    ['seeds', 1],
  ])
  await new Promise((resolve) => setImmediate(resolve))
  expect(isDone).toBe(false)
  closed.resolve()
  await done
})
