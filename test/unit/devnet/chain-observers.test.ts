import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { HttpServer, silentLogger } from '../../../src/base/index.ts'
import { parsePublicKey } from '../../../src/curve/index.ts'
import type { EmbeddedChain } from '../../../src/devnet/chain/index.ts'
import { NEXT_SET, send, testChain } from './chain-support.ts'

const LOUD = '(define-public (fail) (begin (print "heard") (if true (err u1) (ok true))))'

describe('observers of the embedded chain', () => {
  let chain: EmbeddedChain
  let observer: HttpServer | undefined
  beforeAll(async () => {
    chain = await testChain({ contractSources: [{ name: 'loud', source: LOUD }] })
  })
  afterAll(() => chain.stop())
  afterEach(() => observer?.stop())

  /** An observer that answers with these statuses, then 200; resolves with the first `count` bodies it took. */
  const observe = async (count: number, statuses: number[] = []) => {
    const bodies: Record<string, unknown>[] = []
    const paths = new Set<string>()
    const { promise, resolve } = Promise.withResolvers<Record<string, unknown>[]>()
    const server = new HttpServer({
      listen: { host: '127.0.0.1', port: 0 },
      maxBodyBytes: 1024 * 1024,
      requestTimeoutMs: 10_000,
      logger: silentLogger,
      handler: (request) => {
        paths.add(`${request.method} ${request.path}`)
        const status = statuses.shift() ?? 200
        if (status === 200) bodies.push(JSON.parse(new TextDecoder().decode(request.body)))
        if (bodies.length === count) resolve(bodies)
        return { status, body: '' }
      },
    })
    observer = server
    await server.start()
    return { url: `http://127.0.0.1:${server.port}`, bodies: promise, paths }
  }

  it('should post every block, with the print event of a rotation', async () => {
    const vector = JSON.parse(readFileSync(new URL('../../vectors/registry.json', import.meta.url), 'utf8')) as {
      readonly new_keys: string[]
      readonly new_aggregate_pubkey: string
      readonly raw_value: string
    }
    const { url, bodies, paths } = await observe(2)
    const remove = chain.addObserver(url)
    const to = { ...NEXT_SET, keys: vector.new_keys.map(parsePublicKey) }
    const txid = await send(chain, { to, threshold: 2, aggregate: vector.new_aggregate_pubkey })
    const rotated = await chain.mine()
    const next = await chain.mine()
    const [first, second] = await bodies
    remove()
    expect([...paths]).toEqual(['POST /new_block'])
    expect(first).toMatchObject({
      block_hash: `0x${rotated.blockHash}`,
      block_height: rotated.height,
      burn_block_hash: `0x${rotated.burnBlockHash}`,
      burn_block_height: rotated.burnHeight,
      index_block_hash: `0x${rotated.indexBlockHash}`,
      parent_index_block_hash: `0x${rotated.parentIndexBlockHash}`,
      events: [
        {
          txid: `0x${txid}`,
          event_index: 0,
          committed: true,
          type: 'contract_event',
          contract_event: {
            contract_identifier: chain.contract,
            topic: 'print',
            raw_value: vector.raw_value,
          },
        },
      ],
      transactions: [{ txid: `0x${txid}`, tx_index: 0, status: 'success', raw_result: '0x0703' }],
    })
    expect(second).toMatchObject({ block_height: next.height, events: [], transactions: [] })
    expect(second?.parent_burn_block_hash).toBe(first?.burn_block_hash)
  })

  it('should try again what an observer did not take, in order', async () => {
    const { url, bodies } = await observe(2, [500, 503])
    const remove = chain.addObserver(url)
    const first = await chain.mine()
    const second = await chain.mine()
    expect((await bodies).map((b) => b.block_height)).toEqual([first.height, second.height])
    remove()
  })

  it('should mine on when an observer is gone or refuses', async () => {
    const { url } = await observe(1)
    await observer?.stop()
    const remove = chain.addObserver(url)
    const { height } = chain.tip()
    expect((await chain.mine(3)).height).toBe(height + 3)
    remove()
  })

  it('should not post to a removed observer', async () => {
    const { url, bodies } = await observe(1)
    const remove = chain.addObserver('http://127.0.0.1:9/')
    remove()
    const off = chain.addObserver(url)
    off()
    await chain.mine()
    const kept = chain.addObserver(url)
    const block = await chain.mine()
    expect((await bodies)[0]?.block_height).toBe(block.height)
    kept()
  })

  it('should not tell the events of a call that was answered with an error', async () => {
    const { url, bodies } = await observe(1)
    const remove = chain.addObserver(url)
    const { nonce } = chain.account(chain.deployer)
    const txid = await send(chain, { nonce, contract: 'loud', fn: 'fail', args: [] })
    await chain.mine()
    expect((await bodies)[0]).toMatchObject({
      events: [],
      transactions: [{ txid: `0x${txid}`, status: 'abort_by_response' }],
    })
    remove()
  })

  it('should refuse an observer that is no URL', () => {
    expect(() => chain.addObserver('nowhere')).toThrow(TypeError)
  })
})
