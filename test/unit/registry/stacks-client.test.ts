import { Cl, serializeCV } from '@stacks/transactions'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decodeSignerData } from '../../../src/registry/clarity.ts'
import { createStacksClient, indexBlockHash, probeRegistry, type StacksClient } from '../../../src/registry/index.ts'
import { block, FakeNode, json, text } from './support/fake-node.ts'
import { BLANK, DEPLOYER, goodTuple, REGISTRY, signerData } from './support/fixtures.ts'

const DATA = signerData(goodTuple())
const TIP = block('one', 1, DATA)
const FN = 'get-current-signer-data'
let node: FakeNode
let client: StacksClient
beforeEach(async () => {
  node = await new FakeNode().start()
  node.push(TIP)
  client = createStacksClient(node.url, { timeoutMs: 5_000 })
})
afterEach(() => node.stop())

const answer = (value: unknown, status = 200) => {
  node.intercept = (_seen, res) => {
    json(res, status, value)
    return true
  }
}
const info = (change: object) => ({
  network_id: 1,
  stacks_tip: TIP.blockHash,
  stacks_tip_consensus_hash: TIP.consensusHash,
  stacks_tip_height: 1,
  burn_block_height: 1,
  ...change,
})
const failing = (work: Promise<unknown>, code: string) => expect(work).rejects.toMatchObject({ code })

describe('StacksClient', () => {
  it('should name the tip by its index block hash', async () => {
    expect(await client.info()).toEqual({
      networkId: REGISTRY.chainId,
      tip: { indexBlockHash: TIP.id, stacksHeight: 1, burnHeight: 101 },
    })
  })

  it('should hash block hash and consensus hash in that order', () => {
    // SHA-512/256 of 32 bytes of 11 and 20 bytes of 22, from another implementation.
    expect(indexBlockHash('11'.repeat(32), '22'.repeat(20))).toBe(
      '6ecd4497f6b162c0e7ce08c7d8f58f8f14c91885bb15974b5834a17b71eed135',
    )
  })

  it('should pin reads at the tip and send the contract call', async () => {
    expect(await client.callRead(REGISTRY.contract, FN, TIP.id)).toBe(DATA)
    const seen = node.seen[0]
    expect(seen?.path).toBe(`/v2/contracts/call-read/${DEPLOYER}/sbtc-registry/${FN}`)
    expect(seen?.query.get('tip')).toBe(TIP.id)
    expect(JSON.parse(seen?.body ?? '')).toEqual({ sender: DEPLOYER, arguments: [] })
  })

  it('should keep a path in the base URL', async () => {
    answer(info({}))
    await createStacksClient(`${node.url}/stacks/`).info()
    await createStacksClient(`${node.url}/stacks`).info()
    expect(node.seen.map((s) => s.path)).toEqual(['/stacks/v2/info', '/stacks/v2/info'])
  })

  it('should read a data variable without its proof', async () => {
    answer({ data: '0x0100' })
    expect(await client.dataVar(REGISTRY.contract, 'current-signature-threshold', TIP.id)).toBe('0x0100')
    expect(node.seen[0]?.query.get('proof')).toBe('0')
    expect(node.seen[0]?.query.get('tip')).toBe(TIP.id)
  })

  it('should read nonce and balance', async () => {
    node.nonce = 7
    expect(await client.account(DEPLOYER, TIP.id)).toEqual({ nonce: 7, balanceUstx: 15n })
    expect(node.seen[0]?.query.get('tip')).toBe(TIP.id)
  })

  it('should take the middle fee, and none where the node has none', async () => {
    expect(await client.fees(Uint8Array.of(1), 100)).toBe(2000)
    answer({ error: 'x', reason: 'NoEstimateAvailable' }, 400)
    expect(await client.fees(Uint8Array.of(1), 100)).toBeUndefined()
  })

  it('should read the source of a contract', async () => {
    expect(await client.contractSource(REGISTRY.contract)).toBe('(ok)')
    node.hasContract = false
    await failing(client.contractSource(REGISTRY.contract), 'contract_missing')
  })

  it('should tell a rejected transaction with the reason of the node, if it is one word', async () => {
    answer({ error: 'transaction rejected', reason: 'BadNonce' }, 400)
    await expect(client.sendTransaction(Uint8Array.of(1))).rejects.toMatchObject({
      code: 'TX_REJECTED',
      data: { reason: 'BadNonce' },
    })
    const hex = (n: number) => `0x${n.toString(16).padStart(32, '0')}`
    const short = { reason: 'NotEnoughFunds', reason_data: { expected: hex(300), actual: hex(20) } }
    answer(short, 400)
    const data = { reason: 'NotEnoughFunds', neededUstx: '300', heldUstx: '20' }
    await expect(client.sendTransaction(Uint8Array.of(1))).rejects.toMatchObject({ data })
    for (const reason_data of [
      undefined,
      [],
      7,
      { expected: 300, actual: 20 },
      { expected: hex(1), actual: `0x${'f'.repeat(33)}` },
    ]) {
      answer({ ...short, reason_data }, 400)
      await expect(client.sendTransaction(Uint8Array.of(1))).rejects.toEqual(
        expect.objectContaining({ data: expect.not.objectContaining({ neededUstx: expect.anything() }) }),
      )
    }
    answer({ reason: 'x'.repeat(1000) }, 400)
    await expect(client.sendTransaction(Uint8Array.of(1))).rejects.toMatchObject({ data: { reason: 'unspecified' } })
    answer('not-a-txid')
    await failing(client.sendTransaction(Uint8Array.of(1)), 'malformed_answer')
    answer({}, 500)
    await failing(client.sendTransaction(Uint8Array.of(1)), 'http_status')
  })

  it.each([
    ['latest', 'latest'],
    ['with 0x', `0x${TIP.id}`],
    ['upper case', TIP.id.toUpperCase()],
    ['short', TIP.id.slice(1)],
    ['empty', ''],
  ])('should refuse to send a tip that is %s, which a node would ignore silently', async (_what, tip) => {
    await expect(client.callRead(REGISTRY.contract, FN, tip)).rejects.toThrow(TypeError)
    await expect(client.dataVar(REGISTRY.contract, 'x', tip)).rejects.toThrow(TypeError)
    await expect(client.account(DEPLOYER, tip)).rejects.toThrow(TypeError)
    expect(node.seen).toEqual([])
  })

  it.each([
    ['a tip that is no hash', { stacks_tip: 'zz' }],
    ['a tip with 0x', { stacks_tip: `0x${TIP.blockHash}` }],
    ['a consensus hash of 32 bytes', { stacks_tip_consensus_hash: TIP.blockHash }],
    ['no height', { stacks_tip_height: undefined }],
    ['a negative height', { stacks_tip_height: -1 }],
    ['a broken height', { stacks_tip_height: 1.5 }],
    ['a height beyond exact numbers', { stacks_tip_height: 2 ** 60 }],
    ['a text for the network', { network_id: '1' }],
    ['no Bitcoin height', { burn_block_height: null }],
  ])('should refuse an info with %s', async (_what, change) => {
    answer(info(change))
    await failing(client.info(), 'malformed_answer')
  })

  it.each([
    ['no JSON', (res: Parameters<typeof text>[0]) => text(res, 200, '<html>')],
    ['a JSON list', (res: Parameters<typeof text>[0]) => json(res, 200, [])],
    ['broken UTF-8', (res: Parameters<typeof text>[0]) => void res.end(Buffer.from([0x22, 0xff, 0x22]))],
    ['nothing', (res: Parameters<typeof text>[0]) => void res.end()],
    ['okay as a text', (res: Parameters<typeof text>[0]) => json(res, 200, { okay: 'true', result: '0x01' })],
    ['no result', (res: Parameters<typeof text>[0]) => json(res, 200, { okay: true })],
    ['a result without 0x', (res: Parameters<typeof text>[0]) => json(res, 200, { okay: true, result: '0c' })],
    ['a result of odd length', (res: Parameters<typeof text>[0]) => json(res, 200, { okay: true, result: '0x0c0' })],
  ])('should refuse a call answered with %s', async (_what, respond) => {
    node.intercept = (_seen, res) => {
      respond(res)
      return true
    }
    await failing(client.callRead(REGISTRY.contract, FN, TIP.id), 'malformed_answer')
  })

  it('should tell HTTP errors by status', async () => {
    answer({}, 503)
    await expect(client.info()).rejects.toMatchObject({ code: 'http_status', data: { status: 503 } })
  })

  it('should refuse redirects', async () => {
    const other = await new FakeNode().start()
    other.push(TIP)
    node.intercept = (_seen, res) => {
      res.writeHead(302, { location: `${other.url}/v2/info` }).end()
      return true
    }
    await failing(client.info(), 'http_status')
    expect(other.seen).toEqual([])
    await other.stop()
  })

  it('should stop reading an answer at its limit', async () => {
    let sent = 0
    node.intercept = (_seen, res) => {
      const chunk = Buffer.alloc(64 * 1024, 0x20)
      const more = () => {
        while (!res.destroyed && res.write(chunk)) sent += chunk.length
      }
      res.on('drain', more)
      more()
      return true
    }
    await failing(createStacksClient(node.url, { maxAnswerBytes: 1024 * 1024 }).info(), 'malformed_answer')
    expect(sent).toBeLessThan(64 * 1024 * 1024)
  })

  it('should end at its deadline: before the headers, and between two parts of the body', async () => {
    const hasty = createStacksClient(node.url, { timeoutMs: 100 })
    node.intercept = () => true
    await failing(hasty.info(), 'timeout')
    node.intercept = (_seen, res) => {
      res.writeHead(200).write('{')
      return true
    }
    await failing(hasty.info(), 'timeout')
  })

  it('should end with the reason of the caller who gives up', async () => {
    node.intercept = () => true
    const controller = new AbortController()
    const waiting = client.info(controller.signal)
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
  })

  it('should say unreachable where nobody listens', async () => {
    await node.stop()
    await failing(client.info(), 'unreachable')
  })

  it.each(['ftp://127.0.0.1/', 'http://user:secret@127.0.0.1/', 'http://127.0.0.1/?key=secret', 'localhost', ''])(
    'should refuse the endpoint %j without repeating its secrets',
    (endpoint) => {
      const act = () => createStacksClient(endpoint)
      expect(act).toThrow(
        expect.objectContaining({ code: 'BAD_ENDPOINT', message: expect.not.stringContaining('secret') }),
      )
    },
  )

  it('should never show the path of an endpoint, which may hold a key', async () => {
    const secret = createStacksClient(`${node.url}/apikey-123/`)
    const error: unknown = await secret.info().catch((e: unknown) => e)
    expect(JSON.stringify([error, String(error)])).not.toContain('apikey')
  })
})

describe('decodeSignerData', () => {
  it('should read what the contract answers', async () => {
    const tuple = goodTuple(5)
    expect(await decodeSignerData(signerData(tuple))).toEqual({ ...tuple, threshold: 3n })
    expect(await decodeSignerData(signerData(BLANK))).toEqual({ ...BLANK, threshold: 0n })
    expect(await decodeSignerData(signerData({ ...tuple, principal: `${DEPLOYER}.dao` }))).toMatchObject({
      principal: `${DEPLOYER}.dao`,
    })
  })

  const tuple = (change: Record<string, ReturnType<typeof Cl.uint | typeof Cl.bool>>, without = '') => {
    const fields = {
      'current-signer-set': Cl.list([]),
      'current-aggregate-pubkey': Cl.bufferFromHex('00'),
      'current-signer-principal': Cl.principal(DEPLOYER),
      'current-signature-threshold': Cl.uint(0),
      ...change,
    }
    return `0x${serializeCV(Cl.tuple(Object.fromEntries(Object.entries(fields).filter(([k]) => k !== without))))}`
  }
  it.each([
    ['a uint', `0x${serializeCV(Cl.uint(1))}`],
    ['an ok of the tuple', `0x${serializeCV(Cl.ok(Cl.deserialize(DATA)))}`],
    ['no set', tuple({}, 'current-signer-set')],
    ['no threshold', tuple({}, 'current-signature-threshold')],
    ['a set that is a uint', tuple({ 'current-signer-set': Cl.uint(1) })],
    ['keys that are booleans', tuple({ 'current-signer-set': Cl.list([Cl.bool(true)]) } as never)],
    ['a threshold that is a boolean', tuple({ 'current-signature-threshold': Cl.bool(true) })],
    ['an aggregate that is a uint', tuple({ 'current-aggregate-pubkey': Cl.uint(1) })],
    ['a principal that is a uint', tuple({ 'current-signer-principal': Cl.uint(1) })],
    ['bytes that end early', DATA.slice(0, -2)],
    ['a buffer cut short', '0x0200000021ab'],
    ['bytes that go on', `${DATA}00`],
    ['a list that claims four billion entries', '0x0bffffffff'],
    ['a value nested a hundred thousand deep', `0x${'0a'.repeat(100_000)}03`],
    ['an unknown type', '0xff'],
    ['nothing', '0x'],
    ['no 0x', DATA.slice(2)],
    ['upper case', `0x${DATA.slice(2).toUpperCase()}`],
  ])('should refuse %s', async (_what, hex) => {
    await expect(decodeSignerData(hex)).rejects.toThrow(TypeError)
  })
  it('should refuse what is no text', async () => {
    for (const value of [undefined, null, 5, {}]) await expect(decodeSignerData(value)).rejects.toThrow(TypeError)
  })
})

describe('probeRegistry', () => {
  const probe = async () => (await probeRegistry(REGISTRY, [node.url], { callTimeoutMs: 2000 }))[0]
  const told = async (code: string, remedy: RegExp) => {
    const result = await probe()
    expect(result).toMatchObject({ ok: false, endpoint: node.url, code })
    if (result?.ok !== false) return
    expect(result.message).toContain(node.url)
    expect(result.message).toMatch(remedy)
  }
  it('should tell a good endpoint', async () => {
    expect(await probe()).toMatchObject({ ok: true, state: 'set', tip: { indexBlockHash: TIP.id } })
    node.push(block('blank', 2, signerData(BLANK)))
    expect(await probe()).toMatchObject({ ok: true, state: 'uninitialised' })
  })
  it('should tell an unreachable chain', async () => {
    await node.stop()
    await told('unreachable', /check \[registry\] endpoints/)
  })
  it('should tell a silent chain', async () => {
    node.intercept = () => true
    await told('timeout', /check its load/)
  })
  it('should tell what is no Stacks node', async () => {
    node.intercept = (_seen, res) => {
      text(res, 200, '<html>')
      return true
    }
    await told('malformed_answer', /check \[registry\] endpoints/)
  })
  it('should tell a wrong network', async () => {
    node.networkId = 1
    await told('wrong_network', /point \[registry\] endpoints/)
  })
  it('should tell a wrong contract', async () => {
    node.hasContract = false
    await told('contract_missing', /check \[registry\] contract/)
  })
  it('should tell a contract of another shape, and one with a set that gates nothing', async () => {
    node.push(block('odd', 2, '0x03'))
    await told('malformed_answer', /check \[registry\] contract/)
    node.push(block('bad', 3, signerData({ ...goodTuple(), threshold: 1 })))
    await told('invalid_set', /rotate to a valid one/)
  })
})
