import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger } from '../../../src/base/index.ts'
import { parsePublicKey } from '../../../src/curve/index.ts'
import { type EmbeddedChain, multisigAddress, startChain } from '../../../src/devnet/chain/index.ts'
import {
  BOOTSTRAP_SET,
  callRead,
  federation,
  getJson,
  member,
  post,
  rotationTx,
  send,
  testChain,
} from './chain-support.ts'

describe('blocks of the embedded chain', () => {
  let chain: EmbeddedChain
  beforeAll(async () => {
    chain = await testChain({ stacksPerBurnBlock: 3, initialBlocks: 2 })
  })
  afterAll(() => chain.stop())

  it('should chain blocks, and start a Bitcoin block every third', async () => {
    await chain.mine(6)
    const blocks = Array.from({ length: chain.tip().height }, (_, i) => chain.blockAt(i + 1))
    expect(blocks.map((b) => b?.burnHeight)).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3])
    for (const [i, block] of blocks.entries()) {
      if (i > 0) expect(block?.parentIndexBlockHash).toBe(blocks[i - 1]?.indexBlockHash)
    }
    expect(new Set(blocks.map((b) => b?.indexBlockHash)).size).toBe(9)
    expect(new Set(blocks.map((b) => b?.consensusHash)).size).toBe(3)
    expect(chain.blockAt(0)).toBeUndefined()
    expect(chain.blockAt(10)).toBeUndefined()
  })

  it('should tell every new block once', async () => {
    const heights: number[] = []
    const off = chain.blocks.on((block) => heights.push(block.height))
    await chain.mine(3)
    off()
    await chain.mine()
    const { height } = chain.tip()
    expect(heights).toEqual([height - 3, height - 2, height - 1])
  })

  it('should credit accounts in the next block', async () => {
    const { address } = federation([30, 31], 2)
    chain.fund(address, 7)
    expect(chain.account(address).balanceUstx).toBe(0n)
    await chain.mine()
    expect(chain.account(address)).toEqual({ nonce: 0, balanceUstx: 7n })
  })

  it('should answer requests that come while it mines', async () => {
    const mined = chain.mine(5)
    const answers = await Promise.all(Array.from({ length: 10 }, () => callRead(chain, 'get-current-signer-data')))
    for (const { body } of answers) expect(body).toMatchObject({ okay: true })
    await mined
  })
})

describe('life of the embedded chain', () => {
  it('should mine by itself in the interval', async () => {
    const chain = await testChain({ blockIntervalMs: 20, initialBlocks: 0 })
    const { promise, resolve } = Promise.withResolvers<number>()
    chain.blocks.on((block) => {
      if (block.height >= 4) resolve(block.height)
    })
    expect(await promise).toBe(4)
    await chain.stop()
    const { height } = chain.tip()
    await expect(chain.mine()).rejects.toMatchObject({ code: 'VM_FAILED' })
    expect(chain.tip().height).toBe(height)
  })

  it('should say what to install if the Clarity VM is missing', async () => {
    await expect(testChain({ simnetModule: '@stacks/not-installed' })).rejects.toMatchObject({
      code: 'SIMNET_MISSING',
      message: expect.stringContaining('npm ci'),
    })
  })
  it('should say which contract is missing', async () => {
    await expect(testChain({ contractsDir: '/nowhere' })).rejects.toMatchObject({ code: 'CONTRACTS_MISSING' })
  })
  it('should refuse a contract that is no Clarity', async () => {
    const contractSources = [{ name: 'broken', source: '(define-public (' }]
    await expect(testChain({ contractSources })).rejects.toMatchObject({ code: 'VM_FAILED' })
  })
  it('should say so if its port is taken', async () => {
    const chain = await testChain()
    const port = Number(new URL(chain.url).port)
    await expect(testChain({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await chain.stop()
  })
  it('should run on another chain id', async () => {
    const chain = await startChain({
      deployerAddress: BOOTSTRAP_SET.address,
      blockIntervalMs: 'manual',
      chainId: 0x80000005,
      genesisBalances: { [BOOTSTRAP_SET.address]: 1_000_000 },
      logger: silentLogger,
    })
    expect(await getJson(chain.url, '/v2/info')).toMatchObject({ network_id: 0x80000005 })
    const foreign = await post(chain.url, (await rotationTx()).serializeBytes())
    expect(foreign.json).toMatchObject({ reason: 'SignatureValidation' })
    await send(chain, { chainId: 0x80000005 })
    await chain.stop()
  })
})

describe('multisigAddress', () => {
  it('should put the version of the network before the hash of the vector', () => {
    const keys = [
      '02007311430123d4cad97f4f7e86e023b28143130a18099ecf094d36fef0f6135c',
      '031a4d9f4903da97498945a4e01a5023a1d53bc96ad670bfe03adf8a06c52e6380',
      '035249137286c077ccee65ecc43e724b9b9e5a588e3d7f51e3b62f9624c2a49e46',
    ].map(parsePublicKey)
    expect(multisigAddress(keys, 2)).toBe('SN3R84XZYA63QS28932XQF3G1J8R9PC3W76P9CSQS')
    expect(multisigAddress(keys, 2, 0x15)).toBe('SN3R84XZYA63QS28932XQF3G1J8R9PC3W76P9CSQS')
    expect(multisigAddress(keys, 2, 'mainnet')).toMatch(/^SM/)
  })
  it.each([0, 6, 1.5])('should refuse m = %d of 5', (m) => {
    expect(() => multisigAddress(BOOTSTRAP_SET.keys, m)).toThrow(TypeError)
  })
  it('should refuse sets that a multisig transaction can not be made for', () => {
    const sixteen = Array.from({ length: 16 }, (_, i) => member(i).publicKey)
    expect(() => multisigAddress(sixteen, 9)).toThrow(/n ≤ 15/)
    expect(() => multisigAddress([], 1)).toThrow(TypeError)
  })
})
