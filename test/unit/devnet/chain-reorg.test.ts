import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EmbeddedChain } from '../../../src/devnet/chain/index.ts'
import {
  aggregateKey,
  BOOTSTRAP_SET,
  callRead,
  GENESIS_USTX,
  getJson,
  keysAt,
  NEXT_SET,
  send,
  testChain,
} from './chain-support.ts'

describe('a reorg of the embedded chain', () => {
  let chain: EmbeddedChain
  beforeAll(async () => {
    chain = await testChain()
  })
  afterAll(() => chain.stop())

  it('should bring back state, accounts and heights, and give other hashes to the same heights', async () => {
    chain.fund(NEXT_SET.address, 50_000)
    const base = await chain.mine()
    const txid = await send(chain)
    const dropped = await chain.mine()
    const droppedToo = await chain.mine()
    expect(await keysAt(chain)).toEqual([...NEXT_SET.keys])

    expect(await chain.reorg(2)).toEqual(base)
    expect(await keysAt(chain)).toEqual([])
    expect(chain.account(BOOTSTRAP_SET.address)).toEqual({ nonce: 0, balanceUstx: GENESIS_USTX })
    expect(chain.account(NEXT_SET.address).balanceUstx).toBe(50_000n)
    expect(chain.transaction(txid)).toBeUndefined()
    expect(await getJson(chain.url, '/v2/info')).toMatchObject({
      stacks_tip_height: base.height,
      burn_block_height: base.burnHeight,
      stacks_tip: base.blockHash,
    })
    for (const gone of [dropped, droppedToo])
      expect((await callRead(chain, 'get-current-signer-set', { tip: gone.indexBlockHash })).status).toBe(404)

    const other = await chain.mine()
    expect(other.height).toBe(dropped.height)
    expect(other.burnHeight).toBe(dropped.burnHeight)
    expect(other.parentIndexBlockHash).toBe(base.indexBlockHash)
    expect(other.indexBlockHash).not.toBe(dropped.indexBlockHash)
    expect(other.burnBlockHash).not.toBe(dropped.burnBlockHash)
    expect(await keysAt(chain)).toEqual([])
  })

  it('should take the dropped transaction again', async () => {
    const txid = await send(chain)
    await chain.mine()
    expect(chain.transaction(txid)?.status).toBe('success')
    expect(await keysAt(chain)).toEqual([...NEXT_SET.keys])
  })

  it('should keep what came before, and read it at its blocks', async () => {
    await chain.mine()
    const pinned = chain.tip()
    await send(chain, { from: NEXT_SET, to: BOOTSTRAP_SET, aggregate: aggregateKey(1) })
    await chain.mine(2)
    await chain.reorg(2)
    await chain.mine(2)
    expect(await keysAt(chain)).toEqual([...NEXT_SET.keys])
    expect(await keysAt(chain, pinned.indexBlockHash)).toEqual([...NEXT_SET.keys])
    const first = chain.blockAt(1)
    expect(await keysAt(chain, first?.indexBlockHash)).toEqual([])
    expect(chain.account(NEXT_SET.address).nonce).toBe(0)
  })

  it('should give dropped transactions back to the mempool with requeue', async () => {
    const txid = await send(chain, { from: NEXT_SET, to: BOOTSTRAP_SET, aggregate: aggregateKey(2) })
    await chain.mine()
    await chain.reorg(1, { requeue: true })
    expect(chain.transaction(txid)).toEqual({ txid, status: 'pending' })
    expect((await chain.mine()).txids).toEqual([txid])
    expect(await keysAt(chain)).toEqual([...BOOTSTRAP_SET.keys])
  })

  it.each([0, -1, 1.5, 1_000])('should refuse a depth of %d', async (depth) => {
    const tip = chain.tip()
    await expect(chain.reorg(depth)).rejects.toMatchObject({ code: 'BAD_REORG_DEPTH' })
    expect(chain.tip()).toEqual(tip)
    expect((await chain.mine()).height).toBe(tip.height + 1)
  })
})
