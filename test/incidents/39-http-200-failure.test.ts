import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRegistryWatcher, createStacksClient } from '../../src/registry/index.ts'
import { block, FakeNode, json } from '../unit/registry/support/fake-node.ts'
import { AGGREGATE_2, goodTuple, publicKeys, REGISTRY, signerData } from '../unit/registry/support/fixtures.ts'
import { MemoryKeeper } from '../unit/registry/support/ports.ts'

/** A Stacks node answers a failed call with HTTP 200, and takes a malformed `tip` for "left out": another block is read. */
const OLD = block('old', 1, signerData(goodTuple(3)))
const NEW = block('new', 2, signerData(goodTuple(4, 2, AGGREGATE_2)))
const FN = 'get-current-signer-data'

let node: FakeNode
beforeEach(async () => {
  node = await new FakeNode().start()
  node.push(OLD, NEW)
})
afterEach(() => node.stop())

describe('incident 39: HTTP 200 is no success', () => {
  it.each([
    ['without a result', { okay: false, cause: 'Unchecked(UndefinedFunction)' }],
    // Even beside a result that would pass for a set.
    ['with a result', { okay: false, cause: 'RuntimeCheck', result: NEW.data }],
  ])('should take okay:false %s for a failure', async (_what, body) => {
    node.onRequest((seen, res) => {
      if (seen.path.includes('call-read')) json(res, 200, body)
      return seen.path.includes('call-read')
    })
    const client = createStacksClient(node.url)
    await expect(client.callRead(REGISTRY.contract, FN, NEW.id)).rejects.toMatchObject({ code: 'call_failed' })
    const watcher = createRegistryWatcher({
      registryId: REGISTRY,
      endpoints: [node.url],
      quorum: 1,
      pollIntervalMs: 60_000,
      keeper: new MemoryKeeper(),
    })
    await watcher.start()
    await expect(watcher.readNow()).rejects.toMatchObject({ code: 'call_failed' })
    expect(watcher.latest()).toBeUndefined()
    await watcher.stop()
  })

  it('should tell a missing contract, which is HTTP 200 too', async () => {
    node.onRequest((_seen, res) => {
      json(res, 200, { okay: false, cause: `Unchecked(NoSuchContract("${REGISTRY.contract}"))` })
      return true
    })
    await expect(createStacksClient(node.url).callRead(REGISTRY.contract, FN, NEW.id)).rejects.toMatchObject({
      code: 'contract_missing',
    })
  })
})

describe('incident 39: a malformed tip is silently ignored by the node', () => {
  it('should show the trap: a naive request reads another block than it asked for', async () => {
    const url = `${node.url}/v2/contracts/call-read/${REGISTRY.contract.replace('.', '/')}/${FN}?tip=0x${OLD.id}`
    const naive: unknown = await (await fetch(url, { method: 'POST', body: '{}' })).json()
    expect(naive).toEqual({ okay: true, result: NEW.data })
  })

  it.each([
    ['with 0x', `0x${OLD.id}`],
    ['of a block hash cut short', OLD.id.slice(2)],
    ['in upper case', OLD.id.toUpperCase()],
    ['that is a word', 'latest'],
    ['that is empty', ''],
  ])('should not even send a tip %s', async (_what, tip) => {
    await expect(createStacksClient(node.url).callRead(REGISTRY.contract, FN, tip)).rejects.toThrow(TypeError)
    expect(node.seen).toEqual([])
  })

  it('should read the block it asked for', async () => {
    expect(await createStacksClient(node.url).callRead(REGISTRY.contract, FN, OLD.id)).toBe(OLD.data)
  })

  it('should not apply anything when a node tells a malformed tip', async () => {
    node.onRequest((seen, res) => {
      const tip = { stacks_tip: `0x${NEW.blockHash}`, stacks_tip_consensus_hash: NEW.consensusHash }
      if (seen.path === '/v2/info')
        json(res, 200, { ...tip, network_id: REGISTRY.chainId, stacks_tip_height: 2, burn_block_height: 2 })
      return seen.path === '/v2/info'
    })
    const watcher = createRegistryWatcher({
      registryId: REGISTRY,
      endpoints: [node.url],
      quorum: 1,
      pollIntervalMs: 60_000,
      keeper: new MemoryKeeper(),
    })
    await watcher.start()
    await expect(watcher.readNow()).rejects.toMatchObject({ code: 'malformed_answer' })
    expect(node.seen.some((s) => s.path.includes('call-read'))).toBe(false)
    expect(watcher.latest()).toBeUndefined()
    node.intercept = undefined
    expect(await watcher.readNow()).toMatchObject({ set: { keys: publicKeys(4, 2) } })
    await watcher.stop()
  })

  it('should not send a malformed tip that a node lists among the blocks of a tenure, nor to an account', async () => {
    node.onRequest((seen, res) => {
      if (!seen.path.startsWith('/v3/')) return false
      const burn_block_height = Number(seen.path.split('/').at(-1))
      const listed = { block_id: `0x${NEW.id}`, parent_block_id: `0x${OLD.id}`, height: 2 }
      json(res, 200, { burn_block_height, stacks_blocks: [listed] })
      return true
    })
    const watcher = createRegistryWatcher({
      registryId: REGISTRY,
      endpoints: [node.url],
      quorum: 1,
      confirmations: 1,
      pollIntervalMs: 60_000,
      keeper: new MemoryKeeper(),
    })
    await watcher.start()
    await expect(watcher.readNow()).rejects.toMatchObject({ code: 'malformed_answer' })
    await watcher.stop()
    const seen = node.seen.length
    const [deployer = ''] = REGISTRY.contract.split('.')
    await expect(createStacksClient(node.url).account(deployer, `0x${NEW.id}`)).rejects.toThrow(TypeError)
    expect(node.seen.slice(seen)).toEqual([])
    expect(node.seen.some((s) => s.query.get('tip')?.startsWith('0x'))).toBe(false)
  })
})
