import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  createRotateKeysTx,
  createStacksClient,
  MAX_FEE_USTX,
  principalOf,
  type RotateKeysPlan,
  type RotateKeysTx,
} from '../../../src/registry/index.ts'
import { block, FakeNode, json } from './support/fake-node.ts'
import {
  AGGREGATE,
  AGGREGATE_2,
  BLANK,
  goodTuple,
  keyPairs,
  publicKeys,
  REGISTRY,
  signerData,
} from './support/fixtures.ts'

const SIGNERS = publicKeys(3)
const PRINCIPAL = principalOf(REGISTRY.chainId, SIGNERS, 2)
const CALL: RotateKeysPlan['call'] = { newKeys: publicKeys(4, 2), newAggregateKey: AGGREGATE_2, newThreshold: 3 }
const SET_1 = signerData(goodTuple(3))
const SET_2 = signerData(goodTuple(4, 2, AGGREGATE_2))

let nodes: [FakeNode, FakeNode, FakeNode]
let tx: RotateKeysTx
beforeEach(async () => {
  nodes = (await Promise.all([0, 1, 2].map(() => new FakeNode().start()))) as typeof nodes
  for (const node of nodes) {
    node.push(block('a', 5, SET_1))
    node.nonce = 7
  }
  tx = createRotateKeysTx({ registryId: REGISTRY, clients: nodes.map((n) => createStacksClient(n.url)), quorum: 2 })
})
afterEach(async () => {
  for (const node of nodes) await node.stop()
})
const state = () => tx.rotationState(PRINCIPAL)

describe('R4: nonce and key of the newest block', () => {
  it('R4: should come from one block, the same for both', async () => {
    expect(await state()).toEqual({ nonce: 7, aggregateKey: AGGREGATE })
    const asked = nodes[0].seen.filter((s) => s.path.startsWith('/v2/accounts/') || s.path.includes('call-read'))
    expect(asked.map((s) => s.query.get('tip'))).toEqual([block('a', 5, SET_1).id, block('a', 5, SET_1).id])
  })
  it('R6: should tell that there is no key yet', async () => {
    for (const node of nodes) node.push(block('blank', 6, signerData(BLANK)))
    expect(await state()).toEqual({ nonce: 7, aggregateKey: undefined })
  })
  it('R4: should be read without confirmations: a rotation shows before any snapshot has it', async () => {
    for (const node of nodes) node.push(block('b', 6, SET_2))
    expect(await state()).toMatchObject({ aggregateKey: AGGREGATE_2 })
  })
  it.each([
    ['too low', 0],
    ['too high', 1_000_000],
  ])('R29: should not be moved by one endpoint whose nonce is %s', async (_what, nonce) => {
    for (const node of nodes) {
      node.nonce = nonce
      expect(await state()).toMatchObject({ nonce: 7 })
      node.nonce = 7
    }
  })
  it('R4: should not be moved by one endpoint that hides or invents a rotation', async () => {
    const [liar] = nodes
    liar.blocks.set(block('a', 5, SET_1).id, block('a', 5, SET_2))
    expect(await state()).toMatchObject({ aggregateKey: AGGREGATE })
  })
  it('R4: should not come from an old block that one endpoint passes for the newest', async () => {
    const [liar] = nodes
    for (const node of nodes) node.push(block('b', 6, SET_2))
    const old = liar.blocks.get(block('a', 5, SET_1).id)
    if (old !== undefined) liar.tip = old
    liar.claim = { height: 6, burnHeight: 106 }
    expect(await state()).toMatchObject({ aggregateKey: AGGREGATE_2 })
  })
  it('R4: should come from a block that a quorum has, with the nonce of that block', async () => {
    const [ahead] = nodes
    ahead.push(block('b', 6, SET_2))
    ahead.nonce = 8
    expect(await state()).toEqual({ nonce: 7, aggregateKey: AGGREGATE })
  })
  it('R29: should not join the nonce of an endpoint’s newest block with the key of an older one', async () => {
    // Two are ahead of the block that all have, on blocks of their own, in which the nonce went up.
    for (const [i, node] of nodes.slice(0, 2).entries()) {
      const own = block(`own ${i}`, 6, SET_2)
      node.push(own)
      node.nonces.set(own.id, 8)
    }
    expect(await state()).toEqual({ nonce: 7, aggregateKey: AGGREGATE })
  })
  it('R4: should go on while one endpoint is down or on another network', async () => {
    nodes[0].networkId = 1
    nodes[0].nonce = 99
    expect(await state()).toMatchObject({ nonce: 7 })
    await nodes[0].stop()
    expect(await state()).toMatchObject({ nonce: 7 })
  })
  it('R4: should tell nothing without a quorum', async () => {
    nodes[0].nonce = 8
    await nodes[1].stop()
    await expect(state()).rejects.toMatchObject({ code: 'no_quorum' })
    await nodes[0].stop()
    await nodes[2].stop()
    await expect(state()).rejects.toMatchObject({ code: 'unreachable' })
  })
})

describe('fee of a rotation', () => {
  const fee = () => tx.estimateFeeUstx(CALL, SIGNERS, 2)
  const answering = (node: FakeNode, fees: number | undefined) =>
    node.onRequest((seen, res) => {
      if (seen.path !== '/v2/fees/transaction') return false
      if (fees === undefined) json(res, 400, { reason: 'NoEstimateAvailable' })
      else json(res, 200, { estimations: [{ fee: 1 }, { fee: fees }, { fee: 1 }] })
      return true
    })

  it.each([
    ['raise', 1e15],
    ['starve', 0],
  ])('should not let one endpoint %s it', async (_what, lie) => {
    const [liar, one, other] = nodes
    answering(liar, lie)
    answering(one, 2000)
    answering(other, 3000)
    expect(await fee()).toBe(lie === 0 ? 2000 : 3000)
  })
  it('should not be one voice where the others have no estimate', async () => {
    const [liar, one, other] = nodes
    answering(liar, MAX_FEE_USTX)
    answering(one, undefined)
    answering(other, undefined)
    expect(await fee()).toBeLessThan(2000)
  })
  it('should be the lower of two', async () => {
    const [down, one, other] = nodes
    await down.stop()
    answering(one, 2000)
    answering(other, 9000)
    expect(await fee()).toBe(2000)
  })
  it('should be refused without a quorum of answers', async () => {
    await nodes[0].stop()
    answering(nodes[1], 2000)
    nodes[2].onRequest((_seen, res) => !!res.writeHead(500).end())
    await expect(fee()).rejects.toMatchObject({ code: 'no_quorum' })
  })
})

describe('sending a rotation', () => {
  const plan = (): RotateKeysPlan => ({ call: CALL, signers: SIGNERS, signaturesRequired: 2, nonce: 7, feeUstx: 2000 })
  const send = async () => {
    const members = keyPairs(3).slice(0, 2)
    const signed = members.map(async (m) => [m.publicKey, await tx.sign(plan(), m.exposeSecret())] as const)
    return await tx.broadcast(plan(), new Map(await Promise.all(signed)))
  }
  const post = (node: FakeNode, status: number, value: unknown) =>
    node.onRequest((seen, res) => {
      if (seen.path === '/v2/transactions') json(res, status, value)
      return seen.path === '/v2/transactions'
    })

  it('should reach every endpoint: one that takes and drops it holds nothing up', async () => {
    const [liar, one, other] = nodes
    liar.onRequest((seen, res) => {
      if (seen.path !== '/v2/transactions') return false
      json(res, 200, 'ab'.repeat(32))
      return true
    })
    await send()
    expect([one.sent.length, other.sent.length]).toEqual([1, 1])
  })
  it('should hold it for taken if one endpoint takes it', async () => {
    post(nodes[0], 400, { reason: 'ConflictingNonceInMempool' })
    await nodes[1].stop()
    await send()
    expect(nodes[2].sent).toHaveLength(1)
  })
  it('should tell the rejection where nobody took it', async () => {
    await nodes[0].stop()
    for (const node of nodes.slice(1)) post(node, 400, { reason: 'BadNonce' })
    await expect(send()).rejects.toMatchObject({ code: 'TX_REJECTED', data: { reason: 'BadNonce' } })
  })
  it('should believe no endpoint that names another transaction', async () => {
    for (const node of nodes) post(node, 200, 'ab'.repeat(32))
    await expect(send()).rejects.toMatchObject({ code: 'malformed_answer' })
  })
})
