import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PublicKey, silentLogger } from '../../src/base/index.ts'
import { type ChainFace, CORRUPTIONS, type EmbeddedChain, startChain } from '../../src/devnet/chain/index.ts'
import {
  createEventObserver,
  createRegistryWatcher,
  createRotateKeysTx,
  createStacksClient,
  type EventObserver,
  principalOf,
  probeRegistry,
  type RegistryId,
  type RegistryWatcher,
  type RotateKeysPlan,
  type RotateKeysTx,
  requirePlanOf,
  type Snapshot,
} from '../../src/registry/index.ts'
import { AGGREGATE, AGGREGATE_2, keyPairs, publicKeys } from '../unit/registry/support/fixtures.ts'
import { MemoryKeeper } from '../unit/registry/support/ports.ts'

/** Watcher, observer and rotate-keys against the embedded chain: three endpoints, two must agree. */
const BOOTSTRAP = publicKeys(5)
const FIRST = publicKeys(9, 20)
const SECOND = publicKeys(4, 60)
const CHAIN_ID = 0x80000000
const DEPLOYER = principalOf(CHAIN_ID, BOOTSTRAP, 3)

let chain: EmbeddedChain
let faces: readonly [ChainFace, ChainFace, ChainFace]
let id: RegistryId
let watcher: RegistryWatcher
let observer: EventObserver
let tx: RotateKeysTx
const keeper = new MemoryKeeper()

beforeAll(async () => {
  chain = await startChain({
    deployerAddress: DEPLOYER,
    blockIntervalMs: 'manual',
    genesisBalances: {
      [DEPLOYER]: 1_000_000n,
      [principalOf(CHAIN_ID, FIRST, 5)]: 1_000_000n,
    },
    logger: silentLogger,
  })
  faces = [chain.face, await chain.openFace(), await chain.openFace()]
  id = { network: 'devnet', chainId: chain.chainId, contract: chain.contract }
  const endpoints = faces.map((f) => f.url)
  watcher = createRegistryWatcher({
    registryId: id,
    endpoints,
    quorum: 2,
    pollIntervalMs: 600_000,
    minReadIntervalMs: 10,
    callTimeoutMs: 20_000,
    keeper,
  })
  observer = createEventObserver({ contract: chain.contract, onHint: () => watcher.hint() })
  await observer.start()
  chain.addObserver(`http://127.0.0.1:${observer.port}`)
  tx = createRotateKeysTx({ registryId: id, clients: endpoints.map((e) => createStacksClient(e)) })
  await watcher.start()
})
afterAll(async () => {
  await watcher?.stop()
  await observer?.stop()
  await chain?.stop()
})

const nextChange = () =>
  new Promise<Snapshot>((resolve) => {
    const off = watcher.changes.on((snapshot) => {
      off()
      resolve(snapshot)
    })
  })

/** Signs with the members at `who` (places among key pairs `from…`) and sends. */
async function rotate(plan: RotateKeysPlan, from: number, who: readonly number[]): Promise<string> {
  const pairs = keyPairs(plan.signers.length, from)
  const signatures = new Map<PublicKey, Uint8Array>()
  for (const i of who) {
    const pair = pairs[i]
    if (pair === undefined) throw new Error('fixture')
    signatures.set(pair.publicKey, await tx.sign(plan, pair.exposeSecret()))
  }
  return tx.broadcast(plan, signatures)
}

async function planOf(signers: readonly PublicKey[], m: number, newKeys: readonly PublicKey[], aggregate: PublicKey) {
  const call = { newKeys, newAggregateKey: aggregate, newThreshold: Math.floor(newKeys.length / 2) + 1 }
  const { nonce } = await tx.rotationState(principalOf(CHAIN_ID, signers, m))
  const feeUstx = await tx.estimateFeeUstx(call, signers, m)
  return { call, signers, signaturesRequired: m, nonce, feeUstx }
}

// The steps of one story, in order: each stands on the one before.
describe('registry against the embedded chain', () => {
  it('should be probed as an uninitialised registry', async () => {
    const probes = await probeRegistry(
      id,
      faces.map((f) => f.url),
    )
    expect(probes).toEqual(
      faces.map((f) => expect.objectContaining({ ok: true, endpoint: f.url, state: 'uninitialised' })),
    )
    const wrong = await probeRegistry({ ...id, contract: `${DEPLOYER}.no-such` }, [chain.url])
    expect(wrong).toMatchObject([{ ok: false, code: 'contract_missing' }])
  })

  it('R6: should read "uninitialised"', async () => {
    expect(await watcher.readNow()).toMatchObject({ kind: 'uninitialised', deployer: DEPLOYER })
    expect(watcher.latest()?.tip.indexBlockHash).toBe(chain.tip().indexBlockHash)
  })

  it('should make the first rotation from the bootstrap account, and learn of it by the event', async () => {
    const plan = await planOf(BOOTSTRAP, 3, FIRST, AGGREGATE)
    const txid = await rotate(plan, 1, [4, 0, 2])
    const change = nextChange()
    await chain.mine()
    expect(chain.transaction(txid)).toMatchObject({ status: 'success' })
    expect(await change).toMatchObject({
      kind: 'set',
      set: { keys: FIRST, threshold: 5, aggregateKey: AGGREGATE, principal: principalOf(CHAIN_ID, FIRST, 5) },
    })
  })

  it.each(CORRUPTIONS)('should keep the set while all endpoints answer %s', async (fault) => {
    for (const face of faces) face.corrupt(fault)
    await expect(watcher.readNow()).rejects.toThrow()
    expect(watcher.latest()).toMatchObject({ set: { keys: FIRST } })
    for (const face of faces) face.corrupt()
    expect((await watcher.readNow()).kind).toBe('set')
  })

  it('R4: should go on while one endpoint lies, lags or is down', async () => {
    const [one] = faces
    for (const fault of ['wrong_clarity', 'http_500', 'garbage_hex'] as const) {
      one.corrupt(fault)
      await chain.mine()
      expect((await watcher.readNow()).tip.stacksHeight).toBe(chain.tip().height)
    }
    one.corrupt()
    one.lag(3)
    expect((await watcher.readNow()).tip.stacksHeight).toBe(chain.tip().height)
    one.lag(0)
    await one.stop()
    await chain.mine()
    expect((await watcher.readNow()).tip.stacksHeight).toBe(chain.tip().height)
    await one.start()
  })

  it('R4: should not go back to where the endpoint that lags is', async () => {
    const [one, , three] = faces
    const before = await watcher.readNow()
    await one.stop()
    three.lag(2)
    await expect(watcher.readNow()).rejects.toMatchObject({ code: 'height_went_back' })
    expect(watcher.latest()).toBe(before)
    three.lag(0)
    expect((await watcher.readNow()).tip).toEqual(before.tip)
    await one.start()
  })

  it('should rotate from the multisig account of the set itself: 5 of 9, any order', async () => {
    const latest = watcher.latest()
    if (latest?.kind !== 'set') throw new Error('no set')
    const plan = await planOf(FIRST, 5, SECOND, AGGREGATE_2)
    requirePlanOf(id, latest.set, plan)
    const txid = await rotate(plan, 20, [8, 1, 6, 3, 0])
    const change = nextChange()
    await chain.mine()
    expect(chain.transaction(txid)).toMatchObject({ status: 'success' })
    expect(await change).toMatchObject({ kind: 'set', set: { keys: SECOND, threshold: 3 } })
  })

  it('should tell a rejection in the words of the node', async () => {
    const plan: RotateKeysPlan = { ...(await planOf(FIRST, 5, SECOND, AGGREGATE_2)), nonce: 0 }
    await expect(rotate(plan, 20, [0, 1, 2, 3, 4])).rejects.toMatchObject({
      code: 'TX_REJECTED',
      data: { reason: 'BadNonce' },
    })
  })

  it('R4: should follow a reorg that takes the rotation back', async () => {
    await chain.reorg(1)
    // So far it might as well be lag.
    await expect(watcher.readNow()).rejects.toMatchObject({ code: 'height_went_back' })
    await chain.mine()
    expect(await watcher.readNow()).toMatchObject({ kind: 'set', set: { keys: FIRST } })
  })

  it('should restart from disk with the chain down', async () => {
    await watcher.stop()
    for (const face of faces) await face.stop()
    const again = createRegistryWatcher({
      registryId: id,
      endpoints: faces.map((f) => f.url),
      quorum: 2,
      pollIntervalMs: 600_000,
      keeper,
    })
    await again.start()
    expect(again.latest()).toMatchObject({ set: { keys: FIRST } })
    await expect(again.readNow()).rejects.toMatchObject({ code: 'unreachable' })
    await again.stop()
  })
})
