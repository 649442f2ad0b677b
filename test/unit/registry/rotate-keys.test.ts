import {
  AddressHashMode,
  AuthType,
  createMultiSigSpendingCondition,
  createStandardAuth,
  cvToValue,
  deserializeTransaction,
  isContractCallPayload,
  sigHashPreSign,
  signWithKey,
} from '@stacks/transactions'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { concatBytes, type PublicKey, toHex } from '../../../src/base/index.ts'
import { publicKeyBytes } from '../../../src/curve/index.ts'
import {
  createRotateKeysTx,
  createStacksClient,
  MAINNET_CHAIN_ID,
  MAX_FEE_USTX,
  principalOf,
  type RotateKeysPlan,
  type RotateKeysTx,
  requirePlanOf,
  requireSoundPlan,
  validateSignerData,
} from '../../../src/registry/index.ts'
import { signRecoverable } from '../../../src/registry/multisig.ts'
import { block, FakeNode, json } from './support/fake-node.ts'
import { AGGREGATE_2, goodTuple, keyPair, keyPairs, publicKeys, REGISTRY, signerData } from './support/fixtures.ts'

const N = 9
const M = 5
const PAIRS = keyPairs(N)
const SIGNERS = publicKeys(N)
const PLAN: RotateKeysPlan = {
  call: { newKeys: publicKeys(7, 50), newAggregateKey: AGGREGATE_2, newThreshold: 4 },
  signers: SIGNERS,
  signaturesRequired: M,
  nonce: 3,
  feeUstx: 2000,
}
const FOREIGN = keyPair(500)
const code = (expected: string) => expect.objectContaining({ code: expected })

let node: FakeNode
let tx: RotateKeysTx
beforeEach(async () => {
  node = await new FakeNode().start()
  node.push(block('a', 1, signerData(goodTuple())))
  tx = createRotateKeysTx({ registryId: REGISTRY, clients: [createStacksClient(node.url)] })
})
afterEach(() => node.stop())

const signatureOf = async (i: number, plan = PLAN): Promise<[PublicKey, Uint8Array]> => {
  const pair = PAIRS[i]
  if (pair === undefined) throw new Error('fixture')
  return [pair.publicKey, await tx.sign(plan, pair.exposeSecret())]
}
const signatures = async (who: readonly number[], plan = PLAN) =>
  new Map(await Promise.all(who.map((i) => signatureOf(i, plan))))

describe('rotate-keys transaction, 5 of 9', () => {
  it('should be accepted with any m signatures, whatever their order of arrival', async () => {
    const all = await Promise.all(SIGNERS.map((_, i) => signatureOf(i)))
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(all, { minLength: M, maxLength: M }), async (arrived) => {
        node.sent.length = 0
        const txid = await tx.broadcast(PLAN, new Map(arrived))
        const sent = deserializeTransaction(new Uint8Array(node.sent[0] ?? []))
        expect(sent.verifyOrigin()).toMatch(/^[0-9a-f]{64}$/)
        expect(sent.txid()).toBe(txid)
      }),
      { numRuns: 12 },
    )
  })

  it('should call the wrapper of the deployer, pay the fee from the principal and move nothing', async () => {
    await tx.broadcast(PLAN, await signatures([0, 2, 4, 6, 8]))
    const sent = deserializeTransaction(new Uint8Array(node.sent[0] ?? []))
    const { payload } = sent
    expect(isContractCallPayload(payload)).toBe(true)
    if (!isContractCallPayload(payload)) return
    expect(payload.contractName.content).toBe('sbtc-bootstrap-signers')
    expect(payload.functionName.content).toBe('rotate-keys-wrapper')
    expect(payload.functionArgs.map((a) => cvToValue(a))).toEqual([
      PLAN.call.newKeys.map((k) => expect.objectContaining({ value: `0x${k}` })),
      `0x${AGGREGATE_2}`,
      4n,
    ])
    expect(sent.auth.spendingCondition).toMatchObject({ hashMode: 5, nonce: 3n, fee: 2000n, signaturesRequired: M })
    expect(sent.postConditionMode).toBe(2)
    expect(sent.postConditions.values).toEqual([])
    expect([sent.transactionVersion, sent.chainId]).toEqual([0x80, REGISTRY.chainId])
  })

  it('should put exactly m signatures into the transaction when more arrived', async () => {
    const txid = await tx.broadcast(PLAN, await signatures([8, 7, 6, 5, 4, 3, 2, 1, 0]))
    expect(node.sent[0]?.length).toBeLessThan(1500)
    expect(await tx.broadcast(PLAN, await signatures([0, 1, 2, 3, 4]))).toBe(txid)
  })

  it('should hash as the library does for a member that signs first in mode 5', async () => {
    const condition = createMultiSigSpendingCondition(AddressHashMode.P2SHNonSequential, M, [...SIGNERS], 3, 2000)
    await tx.broadcast(PLAN, await signatures([0, 1, 2, 3, 4]))
    const theirs = deserializeTransaction(new Uint8Array(node.sent[0] ?? []))
    theirs.auth = createStandardAuth(condition)
    const hash = sigHashPreSign(theirs.signBegin(), AuthType.Standard, 2000, 3)
    expect(await tx.payloadHash(PLAN)).toBe(hash)
    const pair = PAIRS[0]
    const [, mine] = await signatureOf(0)
    const secret = concatBytes(pair?.exposeSecret() ?? new Uint8Array(), Uint8Array.of(1))
    expect(toHex(mine)).toBe(signWithKey(secret, hash))
  })

  it('should give every member the same hash, and another one for any other field', async () => {
    const hash = await tx.payloadHash(PLAN)
    const other = createRotateKeysTx({ registryId: REGISTRY, clients: [] })
    expect(await other.payloadHash({ ...PLAN, call: { ...PLAN.call } })).toBe(hash)
    const changed: RotateKeysPlan[] = [
      { ...PLAN, nonce: 4 },
      { ...PLAN, feeUstx: 2001 },
      { ...PLAN, signaturesRequired: 6 },
      { ...PLAN, signers: publicKeys(9, 2) },
      { ...PLAN, call: { ...PLAN.call, newThreshold: 5 } },
      { ...PLAN, call: { ...PLAN.call, newKeys: publicKeys(7, 51) } },
      { ...PLAN, call: { ...PLAN.call, newAggregateKey: keyPair(902).publicKey } },
    ]
    for (const plan of changed) expect(await tx.payloadHash(plan)).not.toBe(hash)
    const mainnet = createRotateKeysTx({ registryId: { ...REGISTRY, chainId: MAINNET_CHAIN_ID }, clients: [] })
    expect(await mainnet.payloadHash(PLAN)).not.toBe(hash)
  })

  it('should verify single signatures, each for its member and its plan only', async () => {
    const [member, signature] = await signatureOf(0)
    expect(await tx.verify(PLAN, member, signature)).toBe(true)
    expect(await tx.verify(PLAN, SIGNERS[1] ?? member, signature)).toBe(false)
    expect(await tx.verify({ ...PLAN, feeUstx: 1 }, member, signature)).toBe(false)
    expect(await tx.verify(PLAN, FOREIGN.publicKey, signature)).toBe(false)
  })

  it('should refuse every other spelling of a signature', async () => {
    const [member, signature] = await signatureOf(0)
    const flipped = Uint8Array.from(signature)
    flipped[0] = 1 - (flipped[0] ?? 0)
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
    const highS = (order - BigInt(`0x${toHex(signature.subarray(33))}`)).toString(16).padStart(64, '0')
    const high = Uint8Array.from([...flipped.subarray(0, 33), ...Buffer.from(highS, 'hex')])
    for (const bad of [
      flipped,
      high,
      signature.subarray(1),
      concatBytes(signature, Uint8Array.of(0)),
      new Uint8Array(65),
      Uint8Array.of(27, ...signature.subarray(1)),
    ])
      expect(await tx.verify(PLAN, member, bad)).toBe(false)
  })
})

describe('rotate-keys transaction, refusals', () => {
  const broadcast = (given: ReadonlyMap<PublicKey, Uint8Array>, plan = PLAN) => tx.broadcast(plan, given)

  it('should refuse m − 1 signatures', async () => {
    await expect(broadcast(await signatures([0, 1, 2, 3]))).rejects.toEqual(code('TX_TOO_FEW_SIGNATURES'))
  })
  it("should refuse a foreign key's signature, even beside m good ones", async () => {
    const given = await signatures([0, 1, 2, 3, 4])
    given.set(FOREIGN.publicKey, await signRecoverable(await tx.payloadHash(PLAN), FOREIGN.exposeSecret()))
    await expect(broadcast(given)).rejects.toEqual(code('TX_FOREIGN_SIGNATURE'))
  })
  it("should refuse a foreign key's signature under a member's name", async () => {
    const given = await signatures([0, 1, 2, 3])
    given.set(
      SIGNERS[4] ?? FOREIGN.publicKey,
      await signRecoverable(await tx.payloadHash(PLAN), FOREIGN.exposeSecret()),
    )
    await expect(broadcast(given)).rejects.toEqual(code('TX_BAD_SIGNATURE'))
  })
  it.each<[string, Partial<RotateKeysPlan>]>([
    ['nonce', { nonce: 4 }],
    ['fee', { feeUstx: 2001 }],
    ['new keys', { call: { ...PLAN.call, newKeys: publicKeys(7, 51) } }],
    ['new threshold', { call: { ...PLAN.call, newThreshold: 5 } }],
    ['new aggregate key', { call: { ...PLAN.call, newAggregateKey: keyPair(902).publicKey } }],
    ['required signatures', { signaturesRequired: 4 }],
  ])('should refuse signatures once the %s is changed', async (_what, change) => {
    const given = await signatures([0, 1, 2, 3, 4])
    await expect(broadcast(given, { ...PLAN, ...change })).rejects.toEqual(code('TX_BAD_SIGNATURE'))
  })
  it('should send nothing when it refuses', async () => {
    await expect(broadcast(new Map())).rejects.toEqual(code('TX_TOO_FEW_SIGNATURES'))
    expect(node.sent).toEqual([])
  })
  it('should not sign with a key outside the signers', async () => {
    await expect(tx.sign(PLAN, FOREIGN.exposeSecret())).rejects.toEqual(code('TX_NOT_A_SIGNER'))
  })

  const sign = (change: Partial<RotateKeysPlan>) =>
    tx.sign({ ...PLAN, ...change }, PAIRS[0]?.exposeSecret() ?? new Uint8Array())
  const call = (change: Partial<RotateKeysPlan['call']>) => ({ call: { ...PLAN.call, ...change } })

  it.each([17, 18, 128])('R3: should not sign a rotation to %i keys', async (n) => {
    const toN = call({ newKeys: publicKeys(n, 50), newThreshold: Math.floor(n / 2) + 1 })
    await expect(sign(toN)).rejects.toEqual(code('SET_TOO_LARGE_FOR_PRINCIPAL'))
    await expect(tx.payloadHash({ ...PLAN, ...toN })).rejects.toEqual(code('SET_TOO_LARGE_FOR_PRINCIPAL'))
    await expect(tx.estimateFeeUstx(toN.call, SIGNERS, M)).rejects.toEqual(code('SET_TOO_LARGE_FOR_PRINCIPAL'))
  })
  it('R3: should not sign for a current set beyond 16 keys', async () => {
    await expect(sign({ signers: publicKeys(17), signaturesRequired: 9 })).rejects.toEqual(
      code('SET_TOO_LARGE_FOR_PRINCIPAL'),
    )
  })
  it('R3: should call such a plan unsound before anything is built from it', () => {
    const plan = { ...PLAN, signers: publicKeys(17), signaturesRequired: 9 }
    expect(() => requireSoundPlan(plan)).toThrow(code('SET_TOO_LARGE_FOR_PRINCIPAL'))
    expect(() => requireSoundPlan(PLAN)).not.toThrow()
  })
  it('R3: should sign from and to 16 keys, all of them needed', async () => {
    const plan: RotateKeysPlan = {
      ...PLAN,
      signers: publicKeys(16),
      signaturesRequired: 16,
      call: { ...PLAN.call, newKeys: publicKeys(16, 50), newThreshold: 16 },
    }
    const given = new Map<PublicKey, Uint8Array>()
    for (const pair of keyPairs(16)) given.set(pair.publicKey, await tx.sign(plan, pair.exposeSecret()))
    expect(await tx.broadcast(plan, given)).toMatch(/^[0-9a-f]{64}$/)
    given.set(
      publicKeys(16)[0] ?? FOREIGN.publicKey,
      given.get(publicKeys(16)[1] ?? FOREIGN.publicKey) ?? new Uint8Array(),
    )
    await expect(tx.broadcast(plan, given)).rejects.toEqual(code('TX_BAD_SIGNATURE'))
  })

  const [a = FOREIGN.publicKey, b = a, c = a] = publicKeys(3, 50)
  it.each<[string, Partial<RotateKeysPlan>]>([
    ['a new key twice', call({ newKeys: [a, a, b], newThreshold: 2 })],
    ['unsorted new keys', call({ newKeys: [b, a, c], newThreshold: 2 })],
    ['one new key', call({ newKeys: [a], newThreshold: 1 })],
    ['a new key that is no point', call({ newKeys: [a, `02${'ff'.repeat(32)}` as PublicKey], newThreshold: 2 })],
    ['an aggregate key that is no point', call({ newAggregateKey: `02${'ff'.repeat(32)}` as PublicKey })],
    ['a new threshold of half', call({ newKeys: publicKeys(4, 50), newThreshold: 2 })],
    ['a new threshold above the keys', call({ newThreshold: 8 })],
    ['a broken new threshold', call({ newThreshold: 4.5 })],
    ['a signer twice', { signers: [...SIGNERS.slice(0, 8), SIGNERS[0] ?? a] }],
    ['a negative nonce', { nonce: -1 }],
    ['a broken nonce', { nonce: 0.5 }],
    ['a fee that empties the account', { feeUstx: MAX_FEE_USTX + 1 }],
    ['a negative fee', { feeUstx: -1 }],
  ])('should not sign a plan with %s', async (_what, change) => {
    await expect(sign(change)).rejects.toEqual(code('TX_INVALID_PLAN'))
  })

  it('should tell the reason of a node that rejects the transaction', async () => {
    node.onRequest((s, res) => {
      if (s.path === '/v2/transactions') json(res, 400, { reason: 'BadNonce' })
      return s.path === '/v2/transactions'
    })
    await expect(broadcast(await signatures([0, 1, 2, 3, 4]))).rejects.toMatchObject({
      code: 'TX_REJECTED',
      data: { reason: 'BadNonce' },
    })
  })
  it.each<[string, unknown, RegExp]>([
    [
      'what it lacks, where the node tells it',
      { expected: '0x12c', actual: '0x14' },
      /holds 20 of the 300 micro-STX.*send at least 280 micro-STX to S/,
    ],
    ['its fee, where the node tells nothing', undefined, /does not hold the \d+ micro-STX.*send STX to S/],
    ['no nonsense, where the node tells some', { expected: '0x1', actual: '0x2' }, /send STX to S/],
  ])('should name the account that must be funded, and %s', async (_what, reason_data, words) => {
    node.onRequest((s, res) => {
      if (s.path === '/v2/transactions') json(res, 400, { reason: 'NotEnoughFunds', reason_data })
      return s.path === '/v2/transactions'
    })
    const principal = principalOf(REGISTRY.chainId, SIGNERS, M)
    const rejected = await broadcast(await signatures([0, 1, 2, 3, 4])).then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(rejected).toMatchObject({ code: 'TX_REJECTED', data: { reason: 'NotEnoughFunds', principal } })
    expect(String(rejected)).toMatch(words)
    expect(String(rejected)).toContain(`to ${principal}`)
  })
  it('should not believe a node that names another transaction', async () => {
    node.onRequest((s, res) => {
      if (s.path === '/v2/transactions') json(res, 200, 'ab'.repeat(32))
      return s.path === '/v2/transactions'
    })
    await expect(broadcast(await signatures([0, 1, 2, 3, 4]))).rejects.toEqual(code('malformed_answer'))
  })
})

describe('rotate-keys transaction and the chain', () => {
  const PRINCIPAL = principalOf(REGISTRY.chainId, SIGNERS, M)

  it('should estimate for the size of the signed transaction, between relay minimum and cap', async () => {
    expect(await tx.estimateFeeUstx(PLAN.call, SIGNERS, M)).toBe(2000)
    const asked = JSON.parse(node.seen.find((s) => s.path === '/v2/fees/transaction')?.body ?? '{}')
    await tx.broadcast(PLAN, await signatures([0, 1, 2, 3, 4]))
    expect(asked.estimated_len).toBe(node.sent[0]?.length)
    node.onRequest((_s, res) => {
      json(res, 400, { reason: 'NoEstimateAvailable' })
      return true
    })
    expect(await tx.estimateFeeUstx(PLAN.call, SIGNERS, M)).toBe(asked.estimated_len)
    node.onRequest((_s, res) => {
      json(res, 200, { estimations: [{ fee: 1 }, { fee: 1e15 }, { fee: 1 }] })
      return true
    })
    expect(await tx.estimateFeeUstx(PLAN.call, SIGNERS, M)).toBe(MAX_FEE_USTX)
  })

  it('R3: should recompute the principal that a plan spends from', () => {
    const tuple = { ...goodTuple(N), principal: PRINCIPAL, threshold: BigInt(M) }
    const state = validateSignerData(REGISTRY, tuple)
    if (state.kind !== 'set') throw new Error('fixture')
    expect(() => requirePlanOf(REGISTRY, state.set, PLAN)).not.toThrow()
    const wrong = code('TX_WRONG_PRINCIPAL')
    expect(() => requirePlanOf(REGISTRY, state.set, { ...PLAN, signaturesRequired: 6 })).toThrow(wrong)
    expect(() => requirePlanOf(REGISTRY, state.set, { ...PLAN, signers: SIGNERS.toReversed() })).toThrow(wrong)
    const listed = validateSignerData(REGISTRY, {
      ...tuple,
      keys: SIGNERS.toReversed().map(publicKeyBytes),
      principal: principalOf(REGISTRY.chainId, SIGNERS.toReversed(), M),
    })
    if (listed.kind !== 'set') throw new Error('fixture')
    expect(listed.principalMatch).toBe('matches')
    expect(() => requirePlanOf(REGISTRY, listed.set, { ...PLAN, signers: listed.set.listOrder ?? [] })).not.toThrow()
  })
})
