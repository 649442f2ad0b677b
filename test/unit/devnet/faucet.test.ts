import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger } from '../../../src/base/index.ts'
import type { EmbeddedChain } from '../../../src/devnet/chain/index.ts'
import { fundPrincipals } from '../../../src/devnet/faucet.ts'
import { aggregateKey, BOOTSTRAP_SET, NEXT_SET, post, rotationTx, testChain } from './chain-support.ts'

let chain: EmbeddedChain
let stop: () => void
beforeAll(async () => {
  chain = await testChain()
  stop = fundPrincipals(chain, silentLogger)
})
afterAll(() => chain?.stop())

const balance = (address: string) => chain.account(address).balanceUstx
const rotate = async (init: Parameters<typeof rotationTx>[0]): Promise<string> => {
  const tx = await rotationTx(init)
  await post(chain.url, tx.serializeBytes())
  await chain.mine()
  return tx.txid()
}

describe('the funds of a devnet', () => {
  it('should go to the account that sends the first rotation, once', async () => {
    await chain.mine(4)
    expect(balance(BOOTSTRAP_SET.address)).toBe(100_000_000n)
  })

  it('should go to the account of a new set, which can then rotate itself', async () => {
    expect(balance(NEXT_SET.address)).toBe(0n)
    await rotate({ aggregate: aggregateKey(1) })
    expect(chain.principal).toBe(NEXT_SET.address)
    await chain.mine(4)
    expect(balance(NEXT_SET.address)).toBe(100_000_000n)
    const txid = await rotate({ from: NEXT_SET, to: BOOTSTRAP_SET, aggregate: aggregateKey(2) })
    expect(chain.transaction(txid)?.status).toBe('success')
    expect(chain.principal).toBe(BOOTSTRAP_SET.address)
  })

  it('should go nowhere when it was stopped', async () => {
    stop()
    await rotate({ nonce: 1, aggregate: aggregateKey(3) })
    const before = balance(NEXT_SET.address)
    await chain.mine(3)
    expect(balance(NEXT_SET.address)).toBe(before)
  })
})
