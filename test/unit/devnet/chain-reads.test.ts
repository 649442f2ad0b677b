import { createHash } from 'node:crypto'
import { Cl, serializePayload } from '@stacks/transactions'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromHex } from '../../../src/base/index.ts'
import { type BlockView, BOOTSTRAP, type EmbeddedChain } from '../../../src/devnet/chain/index.ts'
import {
  aggregateKey,
  BOOTSTRAP_SET,
  callRead,
  FEE_USTX,
  GENESIS_USTX,
  getJson,
  keysAt,
  NEXT_SET,
  post,
  rotationTx,
  testChain,
} from './chain-support.ts'

const OTHER_CONTRACT = `
(define-data-var counter uint u0)
(define-public (bump) (begin (var-set counter (+ (var-get counter) u1)) (print "bumped") (ok (var-get counter))))
(define-read-only (counter-plus (n uint) (label (string-ascii 20))) { sum: (+ (var-get counter) n), label: label })
(define-read-only (is-it-so?) (is-eq (var-get counter) u0))
(define-public (broken) (begin (unwrap-panic (element-at? (list u1) (var-get counter))) (ok true)))`

describe('reads of the embedded chain', () => {
  let chain: EmbeddedChain
  let before: BlockView
  let after: BlockView
  const get = (path: string) => fetch(`${chain.url}${path}`)
  const dataVar = (name: string, query = '') =>
    get(`/v2/data_var/${chain.contract.replace('.', '/')}/${name}?proof=0${query}`)

  beforeAll(async () => {
    chain = await testChain({ contractSources: [{ name: 'other', source: OTHER_CONTRACT }] })
    before = chain.tip()
    expect((await post(chain.url, (await rotationTx()).serializeBytes())).status).toBe(200)
    after = await chain.mine()
    await chain.mine(2)
  })
  afterAll(() => chain.stop())

  it('should start with blocks enough for a reader who wants confirmations', () => {
    expect(before.height).toBe(11)
    expect(before.burnHeight).toBe(11)
  })

  it('should tell the two halves of the index block hash in /v2/info', async () => {
    const info = await getJson(chain.url, '/v2/info')
    const tip = chain.tip()
    expect(info).toMatchObject({
      network_id: 0x80000000,
      stacks_tip_height: tip.height,
      burn_block_height: tip.burnHeight,
      stacks_tip: tip.blockHash,
      stacks_tip_consensus_hash: tip.consensusHash,
      is_fully_synced: true,
    })
    const halves = Buffer.concat([fromHex(String(info.stacks_tip)), fromHex(String(info.stacks_tip_consensus_hash))])
    expect(createHash('sha512-256').update(halves).digest('hex')).toBe(tip.indexBlockHash)
  })

  it('should answer all four values of the signer set at one block', async () => {
    const { body } = await callRead(chain, 'get-current-signer-data')
    expect(body).toEqual({
      okay: true,
      result: `0x${Cl.serialize(
        Cl.tuple({
          'current-signer-set': Cl.list(NEXT_SET.keys.map((k) => Cl.bufferFromHex(k))),
          'current-aggregate-pubkey': Cl.bufferFromHex(aggregateKey(0)),
          'current-signer-principal': Cl.principal(NEXT_SET.address),
          'current-signature-threshold': Cl.uint(3),
        }),
      )}`,
    })
  })

  it('should read a pinned block as it was', async () => {
    expect(await keysAt(chain, before.indexBlockHash)).toEqual([])
    expect(await keysAt(chain, after.indexBlockHash)).toEqual([...NEXT_SET.keys])
    expect(await keysAt(chain, chain.tip().indexBlockHash)).toEqual([...NEXT_SET.keys])
    const { body } = await callRead(chain, 'get-current-signer-data', { tip: before.indexBlockHash })
    const uninitialised = Cl.tuple({
      'current-signer-set': Cl.list([]),
      'current-aggregate-pubkey': Cl.bufferFromHex('00'),
      'current-signer-principal': Cl.principal(BOOTSTRAP_SET.address),
      'current-signature-threshold': Cl.uint(0),
    })
    expect(body).toEqual({ okay: true, result: `0x${Cl.serialize(uninitialised)}` })
  })

  it('should take a tip in capitals for the same block', async () => {
    expect(await keysAt(chain, before.indexBlockHash.toUpperCase())).toEqual([])
  })

  it.each(['latest', '', 'zz', 'f'.repeat(63), 'f'.repeat(65), `0x${'f'.repeat(64)}`, 'g'.repeat(64)])(
    'should silently take the malformed tip "%s" for none (incident 39)',
    async (tip) => {
      expect(await keysAt(chain, tip)).toEqual([...NEXT_SET.keys])
      const malformed = await dataVar('current-signature-threshold', `&tip=${tip}`)
      expect(await malformed.json()).toEqual({ data: `0x${Cl.serialize(Cl.uint(3))}` })
    },
  )

  it.each([
    ['a call', () => callRead(chain, 'get-current-signer-set', { tip: 'ab'.repeat(32) }).then((r) => r.body)],
    ['a variable', () => dataVar('current-signer-set', `&tip=${'ab'.repeat(32)}`).then((r) => r.text())],
    [
      'a source',
      () =>
        get(`/v2/contracts/source/${chain.contract.replace('.', '/')}?tip=${'ab'.repeat(32)}`).then((r) => r.text()),
    ],
  ])('should answer %s at an unknown tip with 404 in plain text', async (_what, ask) => {
    expect(await ask()).toBe('Chain tip not found')
  })

  it('should answer an account at an unknown tip with 404', async () => {
    const answer = await get(`/v2/accounts/${BOOTSTRAP_SET.address}?proof=0&tip=${'ab'.repeat(32)}`)
    expect(answer.status).toBe(404)
  })

  it('should read variables, now and at a pinned block', async () => {
    const now = await dataVar('current-aggregate-pubkey')
    expect(await now.json()).toEqual({ data: `0x${Cl.serialize(Cl.bufferFromHex(aggregateKey(0)))}` })
    const then = await dataVar('current-aggregate-pubkey', `&tip=${before.indexBlockHash}`)
    expect(await then.json()).toEqual({ data: `0x${Cl.serialize(Cl.bufferFromHex('00'))}` })
  })

  it('should answer a variable that does not exist with 404 in plain text', async () => {
    const answer = await dataVar('current-nothing')
    expect(answer.status).toBe(404)
    expect(await answer.text()).toBe('Data var not found')
  })
  it('should not tell a constant as a variable', async () => {
    expect((await dataVar('ERR_UNAUTHORIZED')).status).toBe(404)
  })

  it('should answer a failed call with HTTP 200 and okay false (incident 39)', async () => {
    const causes = async (fn: string, o: Parameters<typeof callRead>[2] = {}) => {
      const { status, body } = await callRead(chain, fn, o)
      expect(status).toBe(200)
      expect(body).toMatchObject({ okay: false })
      return typeof body === 'string' ? undefined : body.cause
    }
    expect(await causes('get-nothing')).toBe('Unchecked(UndefinedFunction("get-nothing"))')
    const missing = `${BOOTSTRAP_SET.address}.nothing`
    expect(await causes('get', { contract: missing })).toBe(`Unchecked(NoSuchContract("${missing}"))`)
    expect(await causes('get-current-signer-set', { args: [Cl.uint(1)] })).toBe(
      'Unchecked(IncorrectArgumentCount(0, 1))',
    )
    expect(await causes('rotate-keys', { args: [Cl.uint(1), Cl.uint(1), Cl.uint(1), Cl.uint(1)] })).toBe('NotReadOnly')
    const contract = `${chain.deployer}.other`
    for (const tip of [undefined, before.indexBlockHash])
      await causes('counter-plus', {
        contract,
        args: [Cl.bool(true), Cl.stringAscii('x')],
        ...(tip === undefined ? {} : { tip }),
      })
  })

  it.each([
    ['no JSON', '{', 'application/json'],
    ['another content type', '{"sender":"x","arguments":[]}', 'text/plain'],
    ['no arguments', `{"sender":"${BOOTSTRAP_SET.address}"}`, 'application/json'],
    ['a sender that is no principal', '{"sender":"me","arguments":[]}', 'application/json'],
    ['an argument that is no value', `{"sender":"${BOOTSTRAP_SET.address}","arguments":["0x99"]}`, 'application/json'],
  ])('should answer a call with %s with HTTP 400', async (_what, body, type) => {
    const path = `/v2/contracts/call-read/${chain.contract.replace('.', '/')}/get-current-signer-data`
    const answer = await fetch(`${chain.url}${path}`, { method: 'POST', headers: { 'content-type': type }, body })
    expect(answer.status).toBe(400)
  })

  it('should run functions with arguments at a pinned block', async () => {
    const contract = `${chain.deployer}.other`
    const bump = await rotationTx({ nonce: 1, contract: 'other', fn: 'bump', args: [] })
    expect((await post(chain.url, bump.serializeBytes())).json).toBe(bump.txid())
    const old = chain.tip()
    await chain.mine(2)
    const sum = (n: number) => `0x${Cl.serialize(Cl.tuple({ sum: Cl.uint(n), label: Cl.stringAscii('a {b} (c)') }))}`
    const args = [Cl.uint(10), Cl.stringAscii('a {b} (c)')]
    expect((await callRead(chain, 'counter-plus', { contract, args })).body).toEqual({ okay: true, result: sum(11) })
    const pinned = await callRead(chain, 'counter-plus', { contract, args, tip: old.indexBlockHash })
    expect(pinned.body).toEqual({ okay: true, result: sum(10) })
    const escaped = await callRead(chain, 'is-it-so%3F', { contract, tip: old.indexBlockHash })
    expect(escaped.body).toEqual({ okay: true, result: '0x03' })
  })

  it('should not let an argument of a pinned call run code of its own', async () => {
    const contract = `${chain.deployer}.other`
    const old = chain.tip()
    await chain.mine()
    const label = Cl.stringAscii('")))(print "x")(((\\"')
    const { body } = await callRead(chain, 'counter-plus', {
      contract,
      args: [Cl.uint(1), label],
      tip: old.indexBlockHash,
    })
    expect(body).toMatchObject({ okay: false })
  })

  it('should abort a call that panics, and use its nonce', async () => {
    const { nonce } = chain.account(BOOTSTRAP_SET.address)
    const tx = await rotationTx({ nonce, contract: 'other', fn: 'broken', args: [] })
    expect((await post(chain.url, tx.serializeBytes())).json).toBe(tx.txid())
    await chain.mine()
    expect(chain.transaction(tx.txid())).toMatchObject({ status: 'abort_by_response', result: '0809' })
    expect(chain.account(BOOTSTRAP_SET.address).nonce).toBe(nonce + 1)
    expect((await callRead(chain, 'get-current-signer-set')).body).toMatchObject({ okay: true })
  })

  it('should tell nonce and balance, now and at a pinned block', async () => {
    const path = `/v2/accounts/${BOOTSTRAP_SET.address}?proof=0`
    const hex = (n: bigint) => `0x${n.toString(16).padStart(32, '0')}`
    const first = { locked: hex(0n), unlock_height: 0 }
    expect(await getJson(chain.url, `${path}&tip=${before.indexBlockHash}`)).toEqual({
      ...first,
      balance: hex(GENESIS_USTX),
      nonce: 0,
    })
    expect(await getJson(chain.url, `${path}&tip=${after.indexBlockHash}`)).toEqual({
      ...first,
      balance: hex(GENESIS_USTX - BigInt(FEE_USTX)),
      nonce: 1,
    })
    expect(await getJson(chain.url, `/v2/accounts/${NEXT_SET.address}?proof=0`)).toMatchObject({ nonce: 0 })
  })

  it('should give the source of a contract, and 404 for one that is not deployed', async () => {
    const source = await getJson(chain.url, `/v2/contracts/source/${chain.deployer}/${BOOTSTRAP}?proof=0`)
    expect(source).toMatchObject({ source: expect.stringContaining('define-public (rotate-keys-wrapper') })
    expect((await get(`/v2/contracts/source/${chain.deployer}/nothing?proof=0`)).status).toBe(404)
  })

  it('should estimate fees that its own mempool takes', async () => {
    const tx = await rotationTx()
    const answer = await fetch(`${chain.url}/v2/fees/transaction`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        transaction_payload: serializePayload(tx.payload),
        estimated_len: tx.serializeBytes().length,
      }),
    })
    const { estimations } = (await answer.json()) as { estimations: { fee: number; fee_rate: number }[] }
    expect(estimations).toHaveLength(3)
    for (const { fee } of estimations) expect(fee).toBeGreaterThanOrEqual(tx.serializeBytes().length)
  })
  it('should refuse to estimate what is no payload', async () => {
    const body = JSON.stringify({ transaction_payload: 'ffff' })
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${chain.url}/v2/fees/transaction`, { method: 'POST', headers, body })
    expect(answer.status).toBe(400)
  })

  it('should give blocks in the Nakamoto encoding, by id and by height', async () => {
    const byId = new Uint8Array(await (await get(`/v3/blocks/${after.indexBlockHash}`)).arrayBuffer())
    const byHeight = new Uint8Array(await (await get(`/v3/blocks/height/${after.height}`)).arrayBuffer())
    expect(byId).toEqual(byHeight)
    const view = new DataView(byId.buffer)
    expect(view.getBigUint64(1)).toBe(BigInt(after.height))
    expect(Buffer.from(byId.subarray(17, 37)).toString('hex')).toBe(after.consensusHash)
    expect(Buffer.from(byId.subarray(37, 69)).toString('hex')).toBe(before.indexBlockHash)
    expect((await get(`/v3/blocks/${'ab'.repeat(32)}`)).status).toBe(404)
    expect((await get('/v3/blocks/height/999')).status).toBe(404)
  })

  it('should name the blocks of a Bitcoin block', async () => {
    const tenure = await getJson(chain.url, `/v3/tenures/blocks/height/${after.burnHeight}`)
    expect(tenure).toEqual({
      consensus_hash: after.consensusHash,
      burn_block_height: after.burnHeight,
      burn_block_hash: after.burnBlockHash,
      stacks_blocks: [
        {
          block_id: after.indexBlockHash,
          block_hash: after.blockHash,
          parent_block_id: before.indexBlockHash,
          height: after.height,
        },
      ],
    })
    expect(await getJson(chain.url, `/v3/tenures/blocks/${after.consensusHash}`)).toEqual(tenure)
    expect(await getJson(chain.url, `/v3/tenures/blocks/hash/${after.burnBlockHash}`)).toEqual(tenure)
    expect((await get('/v3/tenures/blocks/height/999')).status).toBe(404)
    expect(await getJson(chain.url, '/v3/tenures/info')).toMatchObject({
      tip_block_id: chain.tip().indexBlockHash,
      tip_height: chain.tip().height,
    })
    expect(await getJson(chain.url, `/v3/sortitions/burn_height/${after.burnHeight}`)).toMatchObject({
      burn_block_hash: `0x${after.burnBlockHash}`,
      consensus_hash: `0x${after.consensusHash}`,
    })
    expect((await get('/v3/sortitions/burn_height/999')).status).toBe(404)
  })

  it.each(['/', '/v2/nothing', '/v2/info/', '/v2/accounts/me', '/v2/data_var/a/b/c', '/%ff'])(
    'should answer %s with 404',
    async (path) => {
      expect((await get(path)).status).toBe(404)
    },
  )
})
