import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger } from '../../src/base/index.ts'
import { type ChainFace, type EmbeddedChain, startChain } from '../../src/devnet/chain/index.ts'
import {
  createRegistryWatcher,
  createRotateKeysTx,
  createStacksClient,
  principalOf,
  type RegistryWatcher,
  type RotateKeysTx,
} from '../../src/registry/index.ts'
import { TX_PATIENCE_MS } from '../../src/rotation/decide.ts'
import { MemoryKeeper } from '../unit/registry/support/ports.ts'
import { Federation } from '../unit/rotation/federation.ts'

/**
 * Real chain, registry, transactions and reconcilers; only the network between the members is played. Snapshots wait for
 * two Bitcoin blocks, for longer than the patience of the co-signers.
 */
const CONFIRMATIONS = 2
const WAIT = { timeout: 60_000, interval: 100 }

let fed: Federation
let chain: EmbeddedChain
let faces: readonly ChainFace[]
let watcher: RegistryWatcher
/** Nonces at which members sent, the transactions that the chain took, and the members that asked it, in order. */
const sent: number[] = []
const taken: string[] = []
const asked: string[] = []

beforeAll(async () => {
  fed = new Federation()
  const deployerAddress = principalOf(0x80000000, fed.bootstrap.keys, fed.bootstrap.threshold)
  chain = await startChain({
    deployerAddress,
    blockIntervalMs: 'manual',
    genesisBalances: { [deployerAddress]: 10_000_000n },
    logger: silentLogger,
  })
  faces = [chain.face, await chain.openFace(), await chain.openFace()]
  fed.registryId = { network: 'devnet', chainId: chain.chainId, contract: chain.contract }
  const endpoints = faces.map((f) => f.url)
  watcher = createRegistryWatcher({
    registryId: fed.registryId,
    endpoints,
    quorum: 2,
    confirmations: CONFIRMATIONS,
    pollIntervalMs: 600_000,
    minReadIntervalMs: 10,
    keeper: new MemoryKeeper(),
  })
  const clients = endpoints.map((e) => createStacksClient(e))
  const real = createRotateKeysTx({ registryId: fed.registryId, clients, quorum: 2 })
  for (const o of fed.founders) {
    const tx: RotateKeysTx = {
      payloadHash: (plan) => real.payloadHash(plan),
      sign: (plan, secret) => real.sign(plan, secret),
      verify: (plan, member, signature) => real.verify(plan, member, signature),
      estimateFeeUstx: (...of) => real.estimateFeeUstx(...of),
      rotationState: async (...of) => {
        const state = await real.rotationState(...of)
        asked.push(o.publicKey)
        return state
      },
      broadcast: async (plan, ...of) => {
        sent.push(plan.nonce)
        const txid = await real.broadcast(plan, ...of)
        taken.push(txid)
        return txid
      },
    }
    o.reconciler = fed.reconcilerOf(o, { watcher, tx })
  }
  await watcher.start()
  await watcher.readNow()
})
afterAll(async () => {
  for (const o of fed.founders) await o.reconciler.stop()
  await watcher?.stop()
  await chain?.stop()
})

const noncesSigned = async () => {
  const entries = await Promise.all(fed.founders.map((o) => o.cosigned.entries()))
  return new Set(entries.flat().map(([key]) => key.split('/').at(-1)))
}

describe('R29: co-signing while snapshots lag the chain', () => {
  it('R29: should sign and send for one nonce only, though patience ends before the snapshot comes', async () => {
    const [liar] = faces
    // One endpoint hides the rotation from those who ask, for as long as it is not deep enough.
    liar?.lag(4)
    for (const o of fed.founders) await o.reconciler.start()
    await expect.poll(() => taken.length, WAIT).toBeGreaterThan(0)
    await chain.mine()
    expect(chain.transaction(taken[0] ?? '')).toMatchObject({ status: 'success' })
    for (let i = 0; i < CONFIRMATIONS - 1; i++) {
      for (const round of [1, 2]) {
        const from = asked.length
        const all = () => {
          fed.passedMs += TX_PATIENCE_MS + 1_000
          return fed.founders.every((o) => asked.slice(from).includes(o.publicKey))
        }
        await expect.poll(all, { ...WAIT, interval: 1_000, message: `round ${round}` }).toBe(true)
      }
      await chain.mine()
      await watcher.readNow()
      expect(watcher.latest()?.kind).toBe('uninitialised')
    }
    await expect.poll(() => fed.founders.every((o) => o.reconciler.status()?.action.kind === 'wait'), WAIT).toBe(true)
    expect(await noncesSigned()).toEqual(new Set(['0']))
    expect(new Set(sent)).toEqual(new Set([0]))
    liar?.lag(0)
    await chain.mine()
    await watcher.readNow()
    expect(watcher.latest()?.kind).toBe('set')
    await expect.poll(() => fed.founders.every((o) => o.reconciler.status() === undefined), WAIT).toBe(true)
    expect(await noncesSigned()).toEqual(new Set(['0']))
  })
})
