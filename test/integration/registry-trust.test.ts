import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type PublicKey, silentLogger } from '../../src/base/index.ts'
import {
  type ChainFace,
  CORRUPTIONS,
  type EmbeddedChain,
  type Rewrite,
  startChain,
} from '../../src/devnet/chain/index.ts'
import {
  createRegistryWatcher,
  createRotateKeysTx,
  createStacksClient,
  principalOf,
  type RegistryId,
  type RegistryWatcher,
  type RotateKeysPlan,
  type RotateKeysTx,
  type Snapshot,
} from '../../src/registry/index.ts'
import { AGGREGATE, AGGREGATE_2, keyPairs, publicKeys } from '../unit/registry/support/fixtures.ts'
import { MemoryKeeper } from '../unit/registry/support/ports.ts'

/** Depth, reorgs and liars against the embedded chain: three endpoints of which two must agree, one block per Bitcoin block. */
const BOOTSTRAP = publicKeys(3)
const FIRST = publicKeys(4, 20)
const SECOND = publicKeys(5, 60)
const CHAIN_ID = 0x80000000
const DEPLOYER = principalOf(CHAIN_ID, BOOTSTRAP, 2)
const CONFIRMATIONS = 2

/** The registry's variables without its functions; the VM wants a contract to end in one. */
const BARE = `(define-data-var current-signature-threshold uint u2)
(define-data-var current-signer-set (list 128 (buff 33)) (list ${BOOTSTRAP.map((k) => `0x${k}`).join(' ')}))
(define-data-var current-aggregate-pubkey (buff 33) 0x${AGGREGATE})
(define-data-var current-signer-principal principal tx-sender)
(define-read-only (version) u1)`

let chain: EmbeddedChain
let faces: readonly [ChainFace, ChainFace, ChainFace]
let id: RegistryId
let tx: RotateKeysTx
const watchers: RegistryWatcher[] = []

beforeAll(async () => {
  chain = await startChain({
    deployerAddress: DEPLOYER,
    blockIntervalMs: 'manual',
    genesisBalances: { [DEPLOYER]: 1_000_000n, [principalOf(CHAIN_ID, FIRST, 3)]: 1_000_000n },
    contractSources: [{ name: 'bare-registry', source: BARE }],
    logger: silentLogger,
  })
  faces = [chain.face, await chain.openFace(), await chain.openFace()]
  id = { network: 'devnet', chainId: chain.chainId, contract: chain.contract }
  tx = createRotateKeysTx({ registryId: id, clients: faces.map((f) => createStacksClient(f.url)), quorum: 2 })
  await rotate(await planOf(BOOTSTRAP, 2, FIRST, AGGREGATE), 1)
  await chain.mine(CONFIRMATIONS + 1)
})
afterEach(async () => {
  for (const watcher of watchers.splice(0)) await watcher.stop()
  for (const face of faces) {
    face.corrupt()
    face.stall(false)
    face.lag(0)
  }
})
afterAll(() => chain?.stop())

/** A watcher that has read once. */
async function watching(confirmations = CONFIRMATIONS, contract = id.contract) {
  const watcher = createRegistryWatcher({
    registryId: { ...id, contract },
    endpoints: faces.map((f) => f.url),
    quorum: 2,
    confirmations,
    pollIntervalMs: 600_000,
    minReadIntervalMs: 5,
    callTimeoutMs: 20_000,
    keeper: new MemoryKeeper(),
  })
  watchers.push(watcher)
  await watcher.start()
  const first = await watcher.readNow()
  const changes: Snapshot[] = []
  watcher.changes.on((s) => void changes.push(s))
  return { watcher, first, changes, read: () => watcher.readNow() }
}

async function planOf(signers: readonly PublicKey[], m: number, newKeys: readonly PublicKey[], aggregate: PublicKey) {
  const call = { newKeys, newAggregateKey: aggregate, newThreshold: Math.floor(newKeys.length / 2) + 1 }
  const { nonce } = await tx.rotationState(principalOf(CHAIN_ID, signers, m))
  return { call, signers, signaturesRequired: m, nonce, feeUstx: 3_000 }
}
async function rotate(plan: RotateKeysPlan, from: number): Promise<string> {
  const members = keyPairs(plan.signers.length, from).slice(0, plan.signaturesRequired)
  const signed = members.map(async (m) => [m.publicKey, await tx.sign(plan, m.exposeSecret())] as const)
  return await tx.broadcast(plan, new Map(await Promise.all(signed)))
}
const FIRST_PRINCIPAL = principalOf(CHAIN_ID, FIRST, 3)
const rotateToSecond = async () => await rotate(await planOf(FIRST, 3, SECOND, AGGREGATE_2), 20)
const keysOf = (s: Snapshot | undefined) => (s?.kind === 'set' ? s.set.keys : undefined)

describe('R4: confirmations on the embedded chain', () => {
  /** Every case begins with the first set, and enough blocks on top of it. */
  let base: number
  beforeEach(async () => {
    await chain.mine(3)
    base = chain.tip().height
  })
  afterEach(async () => {
    const above = chain.tip().height - base
    if (above > 0) await chain.reorg(above)
  })

  it('R4: should show a rotation only when it is deep enough, while the newest block has it at once', async () => {
    const { first, read } = await watching()
    expect(first.tip.indexBlockHash).toBe(chain.blockAt(chain.tip().height - CONFIRMATIONS)?.indexBlockHash)
    const { nonce } = await tx.rotationState(FIRST_PRINCIPAL)
    await rotateToSecond()
    for (let depth = 0; depth < CONFIRMATIONS; depth++) {
      await chain.mine()
      expect(keysOf(await read())).toEqual(FIRST)
      // What a co-signer must know before it signs at the next nonce (R29).
      expect(await tx.rotationState(FIRST_PRINCIPAL)).toEqual({ nonce: nonce + 1, aggregateKey: AGGREGATE_2 })
    }
    await chain.mine()
    expect(keysOf(await read())).toEqual(SECOND)
  })

  it('R4: should not see a reorg that is no deeper, nor the rotation that it took back', async () => {
    const { watcher, first, changes, read } = await watching()
    for (let depth = 1; depth <= CONFIRMATIONS; depth++) {
      await rotateToSecond()
      await chain.mine(depth)
      expect(keysOf(await read())).toEqual(FIRST)
      await chain.reorg(depth)
      await read()
      await chain.mine(depth + 1)
      expect(keysOf(await read())).toEqual(FIRST)
    }
    expect(changes).toEqual([])
    expect(watcher.health().lastFailure).toBeUndefined()
    expect(watcher.latest()?.tip.stacksHeight).toBeGreaterThanOrEqual(first.tip.stacksHeight)
  })

  it('R4: should follow a reorg that is deeper', async () => {
    const { changes, read } = await watching()
    await rotateToSecond()
    await chain.mine(CONFIRMATIONS + 1)
    expect(keysOf(await read())).toEqual(SECOND)
    await chain.reorg(CONFIRMATIONS + 1)
    // So far it might as well be lag; the branch that took its place is still one block shorter in Stacks heights.
    await expect(read()).rejects.toMatchObject({ code: 'height_went_back' })
    await chain.mine(CONFIRMATIONS)
    expect(keysOf(await read())).toEqual(FIRST)
    expect(changes.map(keysOf)).toEqual([SECOND, FIRST])
  })

  it('R4: should follow no reorg that only one endpoint shows', async () => {
    const { first, read } = await watching()
    faces[0].lag(CONFIRMATIONS + 2)
    expect((await read()).tip).toEqual(first.tip)
  })

  it.each(CORRUPTIONS)(
    'R4: should go on while one endpoint answers %s, and keep the set while all do',
    async (fault) => {
      const { watcher, read } = await watching()
      faces[0].corrupt(fault)
      await chain.mine()
      const good = await read()
      expect(good.tip.stacksHeight).toBe(chain.tip().height - CONFIRMATIONS)
      expect(good.evidence?.endpoints).not.toContain(fault === 'oversized' ? '' : faces[0].url)
      for (const face of faces) face.corrupt(fault)
      await expect(read()).rejects.toThrow()
      expect(watcher.latest()).toBe(good)
    },
  )

  it('R4: should go on while one endpoint is silent from the start, or falls silent in the middle', async () => {
    const { read } = await watching()
    faces[0].stall(true)
    await chain.mine()
    expect((await read()).tip.stacksHeight).toBe(chain.tip().height - CONFIRMATIONS)
    faces[0].stall(false)
    faces[1].corrupt((request, answer) => {
      if (request.path === '/v2/info') queueMicrotask(() => faces[1].stall(true))
      return answer
    })
    await chain.mine()
    expect((await read()).tip.stacksHeight).toBe(chain.tip().height - CONFIRMATIONS)
  })

  it('R4: should not be moved by an endpoint that flaps between truth, lag and lies', async () => {
    const { watcher, changes, read } = await watching()
    const [flapping] = faces
    const moods: readonly (() => void)[] = [
      () => flapping.lag(4),
      () => flapping.corrupt('wrong_clarity'),
      () => flapping.corrupt(claiming(1_000_000)),
      () => flapping.corrupt(),
      () => flapping.corrupt('http_500'),
      () => flapping.corrupt(claiming(1)),
    ]
    let height = 0
    for (const mood of moods) {
      flapping.lag(0)
      mood()
      await chain.mine()
      const { tip } = await read()
      expect(tip.stacksHeight).toBe(chain.tip().height - CONFIRMATIONS)
      expect(tip.stacksHeight).toBeGreaterThan(height)
      height = tip.stacksHeight
    }
    expect(changes).toEqual([])
    expect(watcher.health().lastFailure).toBeUndefined()
  })

  it('R4: should read at the lower height where the endpoints disagree, and never go back', async () => {
    const { first, read } = await watching()
    await chain.mine(2)
    faces[0].lag(1)
    faces[1].lag(2)
    // Two of three have reached one block less than the tip.
    expect((await read()).tip.stacksHeight).toBe(chain.tip().height - 1 - CONFIRMATIONS)
    faces[0].lag(2)
    expect((await read()).tip.stacksHeight).toBeGreaterThanOrEqual(first.tip.stacksHeight)
  })

  it('R5: should keep the set through an outage of the quorum, and go on after it', async () => {
    const { watcher, first, read } = await watching()
    await faces[0].stop()
    await faces[1].stop()
    await expect(read()).rejects.toMatchObject({ code: 'no_quorum' })
    expect(watcher.latest()).toBe(first)
    await faces[0].start()
    await faces[1].start()
    await chain.mine()
    expect((await read()).tip.stacksHeight).toBe(chain.tip().height - CONFIRMATIONS)
  })
})

/** A node that claims another Bitcoin height, and Stacks height, than it has. */
const claiming =
  (height: number): Rewrite =>
  (request, answer) => {
    if (request.path !== '/v2/info') return answer
    const info: Record<string, unknown> = JSON.parse(String(answer.body))
    return { ...answer, body: JSON.stringify({ ...info, burn_block_height: height, stacks_tip_height: height }) }
  }

describe('R4: a contract without the combined read on the embedded chain', () => {
  const contract = `${DEPLOYER}.bare-registry`

  it.each([0, CONFIRMATIONS])('R4: should be read by its variables, with %i confirmations', async (confirmations) => {
    const { first } = await watching(confirmations, contract)
    expect(first).toMatchObject({
      kind: 'set',
      set: { keys: BOOTSTRAP, threshold: 2, aggregateKey: AGGREGATE, principal: DEPLOYER },
      evidence: { via: 'data_var', confirmations },
    })
  })

  it('R4: should not be read so where one endpoint hides the function of a whole contract', async () => {
    faces[0].corrupt((request, answer) =>
      request.path.includes('/call-read/')
        ? { ...answer, body: '{"okay":false,"cause":"Unchecked(UndefinedFunction(\\"get-current-signer-data\\"))"}' }
        : answer,
    )
    const { first } = await watching(0)
    expect(first.evidence?.via).toBe('call-read')
    expect([...(first.evidence?.endpoints ?? [])].toSorted()).toEqual([faces[1].url, faces[2].url].toSorted())
  })
})

describe('R4: the default of confirmations', () => {
  it('R4: should ask for no confirmations where the config says nothing and the chain is a devnet', async () => {
    const watcher = createRegistryWatcher({
      registryId: id,
      endpoints: faces.map((f) => f.url),
      quorum: 2,
      pollIntervalMs: 600_000,
      keeper: new MemoryKeeper(),
    })
    watchers.push(watcher)
    await watcher.start()
    expect(await watcher.readNow()).toMatchObject({
      tip: { indexBlockHash: chain.tip().indexBlockHash },
      evidence: { confirmations: 0 },
    })
  })
})
