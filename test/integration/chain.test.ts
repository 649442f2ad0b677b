import { spawn } from 'node:child_process'
import {
  broadcastTransaction,
  Cl,
  fetchAbi,
  fetchCallReadOnlyFunction,
  fetchFeeEstimateTransaction,
  fetchNonce,
  serializePayload,
} from '@stacks/transactions'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HttpServer, silentLogger } from '../../src/base/index.ts'
import { BOOTSTRAP, type EmbeddedChain, REGISTRY } from '../../src/devnet/chain/index.ts'
import {
  aggregateKey,
  BOOTSTRAP_SET,
  federation,
  keysAt,
  NEXT_SET,
  rotationTx,
  testChain,
} from '../unit/devnet/chain-support.ts'

const THIRD_SET = federation([20, 21, 22, 23, 24, 25], 4)

describe('a federation on the embedded chain, with the clients of a Stacks node', () => {
  let chain: EmbeddedChain
  let client: { readonly baseUrl: string; readonly fetch: typeof fetch }
  beforeAll(async () => {
    chain = await testChain()
    client = { baseUrl: chain.url, fetch }
  })
  afterAll(() => chain.stop())

  it('should rotate twice, each time by the set in power, and tell every step', async () => {
    const events: unknown[] = []
    const { promise: allBlocks, resolve } = Promise.withResolvers<void>()
    const observer = new HttpServer({
      listen: { host: '127.0.0.1', port: 0 },
      maxBodyBytes: 1024 * 1024,
      requestTimeoutMs: 10_000,
      logger: silentLogger,
      handler: (request) => {
        const block = JSON.parse(new TextDecoder().decode(request.body)) as { events: unknown[] }
        events.push(...block.events)
        if (events.length === 2) resolve()
        return { status: 200, body: '' }
      },
    })
    await observer.start()
    chain.addObserver(`http://127.0.0.1:${observer.port}`)
    chain.fund(NEXT_SET.address, 1_000_000)

    const sets = [BOOTSTRAP_SET, NEXT_SET, THIRD_SET]
    const tips: string[] = [chain.tip().indexBlockHash]
    for (const [i, from] of sets.slice(0, 2).entries()) {
      const to = sets[i + 1] ?? THIRD_SET
      const nonce = await fetchNonce({ address: from.address, client })
      const draft = await rotationTx({ from, to, aggregate: aggregateKey(i), nonce: Number(nonce) })
      const estimations = await fetchFeeEstimateTransaction({
        payload: serializePayload(draft.payload),
        estimatedLength: draft.serializeBytes().length,
        client,
      })
      const fee = estimations[1].fee
      const tx = await rotationTx({ from, to, aggregate: aggregateKey(i), nonce: Number(nonce), fee })
      expect(await broadcastTransaction({ transaction: tx, client })).toEqual({ txid: tx.txid() })
      const block = await chain.mine()
      expect(chain.transaction(tx.txid())).toMatchObject({ status: 'success', height: block.height })
      tips.push(block.indexBlockHash)

      const data = await fetchCallReadOnlyFunction({
        contractAddress: chain.deployer,
        contractName: REGISTRY,
        functionName: 'get-current-signer-data',
        functionArgs: [],
        senderAddress: chain.deployer,
        client,
      })
      expect(data).toEqual(
        Cl.tuple({
          'current-signer-set': Cl.list(to.keys.map((k) => Cl.bufferFromHex(k))),
          'current-aggregate-pubkey': Cl.bufferFromHex(aggregateKey(i)),
          'current-signer-principal': Cl.principal(to.address),
          'current-signature-threshold': Cl.uint(to.m),
        }),
      )
    }
    expect(await Promise.all(tips.map((tip) => keysAt(chain, tip)))).toEqual([
      [],
      [...NEXT_SET.keys],
      [...THIRD_SET.keys],
    ])
    await allBlocks
    expect(events).toHaveLength(2)
    await observer.stop()
  })

  it('should tell the library why a transaction is refused', async () => {
    const tx = await rotationTx({ from: BOOTSTRAP_SET, nonce: 0 })
    expect(await broadcastTransaction({ transaction: tx, client })).toMatchObject({
      error: 'transaction rejected',
      reason: 'BadNonce',
      reason_data: { expected: 1, actual: 0, is_origin: true, principal: BOOTSTRAP_SET.address },
    })
  })

  it('should describe the wrapper to the library', async () => {
    const abi = await fetchAbi({ contractAddress: chain.deployer, contractName: BOOTSTRAP, client })
    expect(abi.functions.find((f) => f.name === 'rotate-keys-wrapper')?.args.map((a) => a.name)).toEqual([
      'new-keys',
      'new-aggregate-pubkey',
      'new-signature-threshold',
    ])
  })
})

/** A process of its own: whatever the Clarity VM prints would stand in its stdout, where `--json` writes. */
const SCRIPT = (support: string) => `
const { testChain, rotationTx, post, BOOTSTRAP_SET } = await import(${JSON.stringify(support)})
const noisy = '(print "noise") (define-public (panic) (begin (print "noise") (unwrap-panic (if true none (some true))) (ok true)))'
const chain = await testChain({ contractSources: [{ name: 'noisy', source: noisy }] })
await post(chain.url, (await rotationTx()).serializeBytes())
await post(chain.url, (await rotationTx({ nonce: 1, contract: 'noisy', fn: 'panic', args: [] })).serializeBytes())
const block = await chain.mine()
await chain.reorg(1, { requeue: true })
const again = await chain.mine()
await chain.stop()
process.stdout.write(JSON.stringify({ txs: [block.txids.length, again.txids.length] }))
`

describe('a process that runs the embedded chain', () => {
  it('should keep its stdout and stderr for itself, and end', async () => {
    const support = new URL('../unit/devnet/chain-support.ts', import.meta.url).href
    const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT(support)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const read = async (stream: AsyncIterable<Buffer>) => {
      let text = ''
      for await (const chunk of stream) text += chunk.toString()
      return text
    }
    const [stdout, stderr, code] = await Promise.all([
      read(child.stdout),
      read(child.stderr),
      new Promise<number | null>((resolve) => child.on('exit', resolve)),
    ])
    expect(stderr).toBe('')
    expect(stdout).toBe(JSON.stringify({ txs: [2, 2] }))
    expect(code).toBe(0)
  })
})
