import { Cl, getAddressFromPrivateKey, makeContractCall } from '@stacks/transactions'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { toHex } from '../../../src/base/index.ts'
import { BOOTSTRAP, type EmbeddedChain, type RejectionReason } from '../../../src/devnet/chain/index.ts'
import {
  aggregateKey,
  BOOTSTRAP_SET,
  FEE_USTX,
  federation,
  GENESIS_USTX,
  keysAt,
  member,
  NEXT_SET,
  post,
  type RotationTx,
  rotationTx,
  testChain,
} from './chain-support.ts'

const MAINNET_REGISTRY_DEPLOYER = 'SM3VDXK3WZZSA84XXFKAFAF15NNZX32CTSG82JFQ4'

describe('transactions of the embedded chain', () => {
  let chain: EmbeddedChain
  beforeAll(async () => {
    chain = await testChain()
  })
  afterAll(() => chain.stop())

  /** Nothing waits and nothing was charged: a refused transaction leaves no trace. */
  const expectUntouched = async () => {
    await chain.mine()
    expect(chain.account(BOOTSTRAP_SET.address)).toEqual({ nonce: 0, balanceUstx: GENESIS_USTX })
    expect(await keysAt(chain)).toEqual([])
  }
  const expectRejected = async (reason: RejectionReason, o: RotationTx, data?: object) => {
    const tx = await rotationTx(o)
    const { status, json } = await post(chain.url, tx.serializeBytes())
    expect(json).toEqual({
      error: 'transaction rejected',
      reason,
      txid: tx.txid(),
      ...(data === undefined ? {} : { reason_data: data }),
    })
    expect(status).toBe(400)
  }
  const message = { message: expect.any(String) }

  afterEach(expectUntouched)

  it('should refuse too few signatures', async () => {
    await expectRejected('SignatureValidation', { signers: [0, 4] }, message)
  })
  it('should refuse a foreign key among the right number of signatures', async () => {
    await expectRejected('SignatureValidation', { foreigner: member(50) }, message)
  })
  it('should refuse one member signing twice for another', async () => {
    await expectRejected('SignatureValidation', { foreigner: BOOTSTRAP_SET.members[1] ?? member(1) }, message)
  })
  it('should refuse signatures of another set of the same size for its own address', async () => {
    const stranger = { ...BOOTSTRAP_SET, members: NEXT_SET.members, m: 3 }
    await expectRejected('SignatureValidation', { from: stranger }, message)
  })

  it('should refuse a fee or nonce changed after signing', async () => {
    const tx = await rotationTx()
    tx.setFee(FEE_USTX + 1)
    expect((await post(chain.url, tx.serializeBytes())).json).toMatchObject({ reason: 'SignatureValidation' })
    const other = await rotationTx()
    other.setNonce(1)
    expect((await post(chain.url, other.serializeBytes())).json).toMatchObject({ reason: 'SignatureValidation' })
  })

  it('should refuse every change of one bit', async () => {
    const bytes = (await rotationTx()).serializeBytes()
    const bits = fc.integer({ min: 0, max: bytes.length * 8 - 1 })
    await fc.assert(
      fc.asyncProperty(bits, async (bit) => {
        const changed = Uint8Array.from(bytes)
        const at = Math.floor(bit / 8)
        changed[at] = (changed[at] ?? 0) ^ (1 << (bit % 8))
        expect((await post(chain.url, changed)).status, `bit ${bit}`).toBe(400)
      }),
      { numRuns: 60 },
    )
  })

  it('should refuse a bit of a signature with the reason of a Stacks node', async () => {
    const tx = await rotationTx()
    const bytes = tx.serializeBytes()
    // Version, chain id, auth type, hash mode, signer, nonce, fee, field count, field id; then the first signature.
    const at = 1 + 4 + 1 + 1 + 20 + 8 + 8 + 4 + 1 + 20
    bytes[at] = (bytes[at] ?? 0) ^ 1
    const { status, json } = await post(chain.url, bytes)
    expect(json).toMatchObject({ error: 'transaction rejected', reason: 'SignatureValidation' })
    expect(status).toBe(400)
  })

  it('should refuse another chain id', async () => {
    const id = { message: expect.stringMatching(/invalid chain ID 2147483649 \(expected 2147483648\)$/) }
    await expectRejected('SignatureValidation', { chainId: 0x80000001 }, id)
  })
  it('should refuse a mainnet transaction', async () => {
    await expectRejected('BadTransactionVersion', { version: 'mainnet', chainId: 0x80000000 })
  })
  it('should refuse a nonce too far ahead', async () => {
    await expectRejected(
      'TooMuchChaining',
      { nonce: 27 },
      {
        message: 'Nonce would exceed chaining limit in mempool',
        expected: 26,
        actual: 27,
        principal: BOOTSTRAP_SET.address,
        is_origin: true,
      },
    )
  })
  it('should refuse a fee that the account does not have', async () => {
    const data = { expected: `0x${'0'.repeat(26)}0f4241`, actual: `0x${'0'.repeat(26)}0f4240` }
    await expectRejected('NotEnoughFunds', { fee: 1_000_001 }, data)
  })
  it('should refuse an account that has nothing', async () => {
    await expectRejected('NotEnoughFunds', { from: NEXT_SET }, expect.any(Object))
  })
  it('should refuse a fee below one µSTX per byte', async () => {
    const bytes = (await rotationTx()).serializeBytes().length
    await expectRejected('FeeTooLow', { fee: 200 }, { expected: bytes, actual: 200 })
  })
  it('should refuse a contract that is not deployed', async () => {
    await expectRejected('NoSuchContract', { contract: 'sbtc-nothing' })
  })
  it('should refuse a contract of another network', async () => {
    await expectRejected('BadAddressVersionByte', { contractAddress: MAINNET_REGISTRY_DEPLOYER })
  })
  it('should refuse a function that does not exist', async () => {
    await expectRejected('NoSuchPublicFunction', { fn: 'rotate' })
  })
  it('should refuse a function that only reads', async () => {
    await expectRejected('NoSuchPublicFunction', { fn: 'pubkeys-to-bytes' })
  })
  it('should refuse arguments of a wrong type', async () => {
    await expectRejected('BadFunctionArgument', { args: [Cl.uint(1), Cl.uint(2), Cl.uint(3)] }, message)
  })
  it('should refuse a missing argument', async () => {
    await expectRejected('BadFunctionArgument', { args: [] }, message)
  })
  it('should refuse a sponsored transaction, whose sponsor nobody checks', async () => {
    const tx = await makeContractCall({
      contractAddress: BOOTSTRAP_SET.address,
      contractName: BOOTSTRAP,
      functionName: 'rotate-keys-wrapper',
      functionArgs: [],
      senderKey: `${'01'.repeat(32)}01`,
      network: 'testnet',
      sponsored: true,
      nonce: 0,
      fee: 0,
    })
    expect((await post(chain.url, tx.serializeBytes())).json).toMatchObject({ reason: 'SignatureValidation' })
  })

  it.each([
    ['nothing', new Uint8Array(0)],
    ['one byte', Uint8Array.of(0x80)],
    ['zeroes', new Uint8Array(500)],
    ['0xff', new Uint8Array(500).fill(0xff)],
  ])('should answer %s with HTTP 400', async (_what, bytes) => {
    const { status, json } = await post(chain.url, bytes)
    expect(status).toBe(400)
    expect(json).toBeUndefined()
  })
  it('should refuse bytes after the transaction, and too few of them', async () => {
    const bytes = (await rotationTx()).serializeBytes()
    for (const changed of [Uint8Array.of(...bytes, 0), bytes.subarray(0, -1)]) {
      const { status, body } = await post(chain.url, changed)
      expect(status).toBe(400)
      expect(body).toMatch(/^Failed to deserialize posted transaction: /)
    }
  })
  it('should never answer random bytes with anything but HTTP 400', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 400 }), async (bytes) => {
        expect((await post(chain.url, bytes)).status).toBe(400)
      }),
      { numRuns: 50 },
    )
  })
  it('should refuse another content type', async () => {
    const bytes = (await rotationTx()).serializeBytes()
    expect((await post(chain.url, bytes, 'text/plain')).status).toBe(400)
    expect((await post(chain.url, bytes, 'application/json')).status).toBe(400)
  })
})

describe('mempool and blocks of the embedded chain', () => {
  let chain: EmbeddedChain
  beforeAll(async () => {
    chain = await testChain()
  })
  afterAll(() => chain.stop())

  const send = async (o: RotationTx) => {
    const tx = await rotationTx(o)
    return { txid: tx.txid(), ...(await post(chain.url, tx.serializeBytes())) }
  }
  const account = () => chain.account(BOOTSTRAP_SET.address)

  it('should use the nonce and take the fee of a call that is answered with an error', async () => {
    const { txid, status, json } = await send({ threshold: 1 })
    expect(json).toBe(txid)
    expect(status).toBe(200)
    expect(chain.transaction(txid)).toEqual({ txid, status: 'pending' })
    const block = await chain.mine()
    expect(block.txids).toEqual([txid])
    expect(chain.transaction(txid)).toEqual({
      txid,
      status: 'abort_by_response',
      height: block.height,
      result: Cl.serialize(Cl.error(Cl.uint(202))),
    })
    expect(account()).toEqual({ nonce: 1, balanceUstx: GENESIS_USTX - BigInt(FEE_USTX) })
    expect(await keysAt(chain)).toEqual([])
  })

  it('should refuse a nonce that was used', async () => {
    const { status, json } = await send({ nonce: 0 })
    expect(status).toBe(400)
    expect(json).toMatchObject({
      reason: 'BadNonce',
      reason_data: { expected: 1, actual: 0, principal: BOOTSTRAP_SET.address, is_origin: true },
    })
  })

  it('should answer a transaction that it knows with its id, and not take it twice', async () => {
    const again = await send({ threshold: 1 })
    expect(again.status).toBe(200)
    expect((await chain.mine()).txids).toEqual([])
  })

  it('should keep one transaction per nonce, unless the second pays more', async () => {
    const first = await send({ nonce: 1, threshold: 1 })
    const same = await send({ nonce: 1, threshold: 2 })
    expect(same.json).toMatchObject({ reason: 'ConflictingNonceInMempool', txid: same.txid })
    expect(same.status).toBe(400)
    const dearer = await send({ nonce: 1, threshold: 2, fee: FEE_USTX + 1 })
    expect(dearer.status).toBe(200)
    expect(chain.transaction(first.txid)).toBeUndefined()
    expect((await chain.mine()).txids).toEqual([dearer.txid])
    expect(account().nonce).toBe(2)
  })

  it('should let a gap of nonces wait until it is filled', async () => {
    const later = await send({ nonce: 3, threshold: 1 })
    expect(later.status).toBe(200)
    expect((await chain.mine()).txids).toEqual([])
    const missing = await send({ nonce: 2, threshold: 1 })
    expect((await chain.mine()).txids).toEqual([missing.txid, later.txid])
    expect(account().nonce).toBe(4)
  })

  it('should take sequential multisig and single signatures', async () => {
    const secret = `${toHex(member(60).exposeSecret())}01`
    const tx = await makeContractCall({
      contractAddress: chain.deployer,
      contractName: BOOTSTRAP,
      functionName: 'rotate-keys-wrapper',
      functionArgs: [Cl.list([]), Cl.bufferFromHex('00'), Cl.uint(1)],
      publicKeys: [...BOOTSTRAP_SET.keys],
      numSignatures: 3,
      signerKeys: BOOTSTRAP_SET.members.slice(0, 3).map((k) => `${toHex(k.exposeSecret())}01`),
      network: 'testnet',
      nonce: 4,
      fee: FEE_USTX,
    })
    expect((await post(chain.url, tx.serializeBytes())).json).toBe(tx.txid())
    const alone = await makeContractCall({
      contractAddress: chain.deployer,
      contractName: BOOTSTRAP,
      functionName: 'rotate-keys-wrapper',
      functionArgs: [
        Cl.list(NEXT_SET.keys.map((k) => Cl.bufferFromHex(k))),
        Cl.bufferFromHex(aggregateKey(9)),
        Cl.uint(3),
      ],
      senderKey: secret,
      network: 'testnet',
      nonce: 0,
      fee: FEE_USTX,
    })
    expect((await post(chain.url, alone.serializeBytes())).json).toMatchObject({ reason: 'NotEnoughFunds' })
    chain.fund(getAddressFromPrivateKey(secret, 'testnet'), 10_000)
    await chain.mine()
    expect((await post(chain.url, alone.serializeBytes())).json).toBe(alone.txid())
    await chain.mine()
    // tx-sender is the single key's account, which is not the current signers'.
    expect(chain.transaction(alone.txid())?.result).toBe(Cl.serialize(Cl.error(Cl.uint(201))))
    expect(chain.transaction(tx.txid())?.result).toBe(Cl.serialize(Cl.error(Cl.uint(200))))
  })

  it('should rotate by three of five, each of whom signed alone', async () => {
    const { txid, json } = await send({ nonce: 5, signers: [1, 3, 4] })
    expect(json).toBe(txid)
    const before = chain.tip()
    await chain.mine()
    expect(chain.transaction(txid)?.status).toBe('success')
    expect(await keysAt(chain)).toEqual([...NEXT_SET.keys])
    expect(await keysAt(chain, before.indexBlockHash)).toEqual([])
  })

  it('should name the account that the registry obeys', () => {
    expect(chain.principal).toBe(NEXT_SET.address)
  })

  it('should take a transaction as JSON, as @stacks/transactions sends it', async () => {
    chain.fund(NEXT_SET.address, 100_000)
    await chain.mine()
    const tx = await rotationTx({ from: NEXT_SET, to: BOOTSTRAP_SET, aggregate: aggregateKey(1) })
    const body = new TextEncoder().encode(JSON.stringify({ tx: tx.serialize() }))
    expect((await post(chain.url, body, 'application/json')).json).toBe(tx.txid())
    await chain.mine()
    expect(await keysAt(chain)).toEqual([...BOOTSTRAP_SET.keys])
  })

  it('should let a transaction wait whose fee is spent by the one before it', async () => {
    const poor = federation([40, 41, 42], 2)
    chain.fund(poor.address, 10_000)
    await chain.mine()
    const first = await send({ from: poor, nonce: 0, fee: 6_000 })
    const second = await send({ from: poor, nonce: 1, fee: 6_000 })
    expect(second.status).toBe(200)
    expect((await chain.mine()).txids).toEqual([first.txid])
    expect(chain.account(poor.address)).toEqual({ nonce: 1, balanceUstx: 4_000n })
    chain.fund(poor.address, 2_000)
    expect((await chain.mine()).txids).toEqual([second.txid])
    expect(chain.account(poor.address)).toEqual({ nonce: 2, balanceUstx: 0n })
  })
})
