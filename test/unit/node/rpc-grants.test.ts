import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Startable, silentLogger } from '../../../src/base/index.ts'
import type { KeyPair } from '../../../src/curve/index.ts'
import { Gate } from '../../../src/gating/index.ts'
import type { Foundation } from '../../../src/node/foundation.ts'
import { Grants, type Need } from '../../../src/node/grants.ts'
import type { BridgeGrant, NodeConfig } from '../../../src/node/index.ts'
import { KeyElsewhere } from '../../../src/node/liveness/index.ts'
import type { NetworkParts } from '../../../src/node/network-parts.ts'
import { createRpc } from '../../../src/node/serving-parts.ts'
import type { SigningParts } from '../../../src/node/signing-parts.ts'
import type { AuditEntry } from '../../../src/signer/index.ts'
import { PromMetrics } from '../../../src/status/index.ts'
import { SCOPE } from '../../fixtures/sets.ts'
import { BRIDGE, ManualClock, MEMBER, MemoryNetwork, type MemoryStream, SERVER } from '../rpc/harness.ts'
import { errorAnswer, greets, resultAnswer, signFrame } from '../rpc/server-harness.ts'

const NO_LOG = { journal: undefined, failure: null }
let signed: string[]
let audited: AuditEntry[]
let grants: Grants
let net: MemoryNetwork
let started: Startable | undefined
let opened: MemoryStream | undefined
beforeEach(() => {
  signed = []
  audited = []
  net = new MemoryNetwork()
})
afterEach(async () => {
  await opened?.close()
  await started?.stop()
  started = undefined
})

/** What a section with these methods and nothing else says. */
const granting = ({ peerId }: KeyPair, methods: readonly string[], more: Partial<BridgeGrant> = {}): BridgeGrant => ({
  ...{ peerId, methods, keys: ['threshold', 's2/*'], quota: {}, allowSecretExport: false, allowRawSign: false },
  ...more,
})

/** The node's own wiring of rpc, over streams in memory, for a config that lists these bridges. */
async function serveBridges(bridges: NodeConfig['bridges']): Promise<MemoryStream> {
  grants = new Grants(bridges)
  const clock = new ManualClock()
  const metrics = new PromMetrics()
  const ports = { clock, metrics, logger: silentLogger }
  const config: Partial<NodeConfig> = {
    bridges,
    registry: {
      id: { network: 'devnet', chainId: 1, contract: 'SN1.registry' },
      endpoints: [],
      quorum: 1,
      pollIntervalMs: 1_000,
      maxAgeMs: 60_000,
      onStale: 'freeze',
      bootstrap: undefined,
      observerListen: undefined,
      confirmations: 0,
    },
  }
  const key: Partial<Foundation['key']> = { keyPair: SERVER }
  const operator: Partial<Foundation['operator']> = {
    s2: undefined,
    audit: { append: async (entry) => void audited.push(entry), view: () => NO_LOG, close: async () => {} },
  }
  const base: Partial<Foundation> = {
    ...{ ...ports, config: config as NodeConfig, key: key as Foundation['key'] },
    operator: operator as Foundation['operator'],
  }
  const host: Partial<NetworkParts['host']> = { peerId: SERVER.peerId, streams: net.server }
  const network: Partial<NetworkParts> = {
    gate: new Gate({
      registryScope: SCOPE,
      self: SERVER.publicKey,
      bridges: bridges.map((b) => b.peerId),
      denied: [],
      ...ports,
    }),
    host: host as NetworkParts['host'],
    grants,
    elsewhere: new KeyElsewhere(ports),
  }
  const threshold: Partial<SigningParts['threshold']> = {
    sign: async (client) => {
      signed.push(client)
      return { ok: true, signatures: [new Uint8Array(64)] }
    },
  }
  const signing: Partial<SigningParts> = {
    activeKey: () => undefined,
    threshold: threshold as SigningParts['threshold'],
  }
  started = createRpc(base as Foundation, network as NetworkParts, signing as SigningParts)
  await started.start()
  opened = await net.open()
  return opened
}

describe("a bridge's rights over rpc (docs/PROTOCOL.md)", () => {
  it('should be what the config lists for it', async () => {
    const stream = await serveBridges([granting(BRIDGE, ['hello', 'threshold.sign'])])
    await stream.write(signFrame(1))
    expect((await resultAnswer(stream)).id).toBe(1)
    expect(signed).toEqual([BRIDGE.peerId])
    expect(audited).toMatchObject([
      { client: BRIDGE.peerId, method: 'threshold.sign', key: 'threshold', outcome: 'ok' },
    ])
  })

  it('should not be to sign with the group key, if only other keys are listed', async () => {
    const stream = await serveBridges([granting(BRIDGE, ['hello', 'threshold.sign'], { keys: ['s2/*', 'keys/*'] })])
    await stream.write(signFrame(1))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'NOT_GRANTED' })
    expect(signed).toEqual([])
    expect(audited).toMatchObject([{ client: BRIDGE.peerId, method: 'threshold.sign', outcome: 'NOT_GRANTED' }])
  })

  it('should not be to sign, if only hello is listed', async () => {
    const stream = await serveBridges([granting(BRIDGE, ['hello'])])
    await stream.write(signFrame(1))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'NOT_GRANTED' })
    expect(signed).toEqual([])
    expect(await greets(stream)).toBe(true)
  })

  it("should not be another bridge's", async () => {
    const stream = await serveBridges([granting(BRIDGE, ['hello']), granting(MEMBER, ['threshold.sign'])])
    await stream.write(signFrame(1))
    expect(await errorAnswer(stream)).toMatchObject({ code: 'NOT_GRANTED' })
    expect(signed).toEqual([])
  })

  it('should change on a stream that is open when the config is reloaded', async () => {
    const stream = await serveBridges([granting(BRIDGE, ['hello', 'threshold.sign'])])
    grants.replace([granting(BRIDGE, ['hello'])])
    await stream.write(signFrame(1))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'NOT_GRANTED' })
    expect(signed).toEqual([])
    expect(await greets(stream)).toBe(true)
    grants.replace([granting(BRIDGE, ['hello', 'threshold.sign'])])
    await stream.write(signFrame(2))
    expect((await resultAnswer(stream)).id).toBe(2)
  })

  it('should be none for a peer that no config lists', async () => {
    const stream = await serveBridges([])
    await stream.write(signFrame(1))
    expect(await errorAnswer(stream)).toMatchObject({ code: 'NOT_GRANTED' })
    expect(signed).toEqual([])
  })
})

describe('what a grant covers: implicit deny', () => {
  const only = (more: Partial<BridgeGrant>) =>
    new Grants([granting(BRIDGE, ['keys.sign', 'wots.get_128_secret_key'], more)])
  const ask = (g: Grants, need: Need, method = 'keys.sign') => g.authorize(BRIDGE.peerId, method, need)

  it.each([
    ['a key of the key service that no list names', {}, { key: 'keys/a' }],
    ['a key beside the one that is named', { keys: ['keys/a'] }, { key: 'keys/b' }],
    ['a key whose name begins like one that is named', { keys: ['keys/a'] }, { key: 'keys/ab' }],
    ['a part of the seed beside the one that is named', { keys: ['s2/wots'] }, { key: 's2/musig2' }],
    ['the group key, where only others are named', { keys: ['s2/*', 'keys/*'] }, { key: 'threshold' }],
    ['a secret, without the right to it', { keys: ['keys/*'] }, { key: 'keys/a', exports: true }],
    [
      'a secret, with the right to sign what is raw',
      { keys: ['keys/*'], allowRawSign: true },
      { key: 'keys/a', exports: true },
    ],
    ['a raw signature, without the right to it', { keys: ['keys/*'] }, { key: 'keys/a', raw: true }],
    [
      'a raw signature, with the right to secrets',
      { keys: ['keys/*'], allowSecretExport: true },
      { key: 'keys/a', raw: true },
    ],
  ])('should not be %s', (_, more, need) => {
    expect(ask(only(more), need)).toBe('not_granted')
  })

  it.each([
    ['a key that is named', { keys: ['keys/a'] }, { key: 'keys/a' }],
    ['all of a kind', { keys: ['keys/*'] }, { key: 'keys/a' }],
    ['all parts of the seed unless the config says', {}, { key: 's2/musig2' }],
    ['a secret, with the right to it', { keys: ['keys/*'], allowSecretExport: true }, { key: 'keys/a', exports: true }],
    ['a raw signature, with the right to it', { keys: ['keys/*'], allowRawSign: true }, { key: 'keys/a', raw: true }],
    ['a method of no key', { keys: ['keys/a'] }, {}],
  ])('should be %s', (_, more, need) => {
    expect(ask(only(more), need)).toBe('granted')
  })

  it('should not be a method that is not listed, whatever else is allowed', () => {
    const all = only({ keys: ['threshold', 's2/*', 'keys/*'], allowRawSign: true, allowSecretExport: true })
    expect(ask(all, { key: 'keys/a' }, 'keys.drop')).toBe('not_granted')
    expect(ask(all, { key: 's2/wots', exports: true }, 'wots.get_256_secret_key')).toBe('not_granted')
  })

  it("should hold a client's own quota, and nobody else's", () => {
    const g = only({ quota: { sign: 7 } })
    expect([
      g.quotaOf(BRIDGE.peerId, 'sign'),
      g.quotaOf(BRIDGE.peerId, 'read'),
      g.quotaOf(MEMBER.peerId, 'sign'),
    ]).toEqual([{ burst: 28, perSecond: 7 }, null, { burst: 2_000, perSecond: 500 }])
  })
  it("should hold a client's own allowance of a day, and nobody else's", () => {
    const g = only({ quota: { s2: 7, s2_per_day: 86_400 } })
    expect(g.dailyOf(BRIDGE.peerId, 's2')).toEqual({ burst: 86_400, perSecond: 1 })
    expect(g.dailyOf(MEMBER.peerId, 's2')?.burst).toBe(500_000)
    expect([g.dailyOf(BRIDGE.peerId, 'keys')?.burst, g.dailyOf(BRIDGE.peerId, 'read')]).toEqual([250_000, null])
  })
})
