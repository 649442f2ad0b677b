import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { ClarityType, deserializeCV, serializeCV, txidFromBytes } from '@stacks/transactions'
import { toHex, utf8 } from '../../../../src/base/index.ts'
import { sha256 } from '../../../../src/curve/index.ts'
import { indexBlockHash } from '../../../../src/registry/index.ts'
import { REGISTRY } from './fixtures.ts'

export interface FakeBlock {
  readonly id: string
  readonly blockHash: string
  readonly consensusHash: string
  readonly height: number
  readonly burnHeight: number
  /** `0x…` of get-current-signer-data at this block. */
  readonly data: string
}

/** A block named by a label, so that two fake nodes agree on it. */
export function block(label: string, height: number, data: string, burnHeight = 100 + height): FakeBlock {
  const blockHash = toHex(sha256(utf8(label)))
  const consensusHash = blockHash.slice(0, 40)
  return { id: indexBlockHash(blockHash, consensusHash), blockHash, consensusHash, height, burnHeight, data }
}

export interface Seen {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: string
}

/** A scripted Stacks node on loopback. */
export class FakeNode {
  networkId = REGISTRY.chainId
  readonly blocks = new Map<string, FakeBlock>()
  tip: FakeBlock | undefined
  /** What /v2/info claims beside the truth. */
  claim: { height?: number; burnHeight?: number } = {}
  nonce = 0
  /** By block id, where it differs. */
  readonly nonces = new Map<string, number>()
  hasContract = true
  /** false: only its data variables can be read. */
  hasFunction = true
  readonly seen: Seen[] = []
  readonly sent: Buffer[] = []
  /** Takes a request over; returns true if it did. */
  intercept: ((seen: Seen, res: ServerResponse) => boolean) | undefined
  /** How many milliseconds late an answer comes. */
  delay: ((seen: Seen) => number) | undefined
  #server: Server | undefined
  #port = 0

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }
  push(...blocks: FakeBlock[]): void {
    for (const b of blocks) {
      this.blocks.set(b.id, b)
      this.tip = b
    }
  }
  onRequest(intercept: (seen: Seen, res: ServerResponse) => boolean): void {
    this.intercept = intercept
  }
  reads(): number {
    return this.seen.filter((s) => s.path === '/v2/info').length
  }

  /** On the same port again after `stop`. */
  async start(): Promise<this> {
    const server = createServer((req, res) => this.#serve(req, res))
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve))
    const address = server.address()
    this.#port = typeof address === 'object' && address !== null ? address.port : 0
    this.#server = server
    return this
  }
  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }

  #serve(req: IncomingMessage, res: ServerResponse): void {
    const chunks: Buffer[] = []
    req.on('data', (c: Buffer) => chunks.push(c))
    req.on('end', () => {
      const url = new URL(req.url ?? '/', 'http://x')
      const raw = Buffer.concat(chunks)
      const seen = { method: req.method ?? '', path: url.pathname, query: url.searchParams, body: raw.toString() }
      this.seen.push(seen)
      if (this.intercept?.(seen, res) === true) return
      const delayMs = this.delay?.(seen) ?? 0
      if (delayMs > 0) setTimeout(() => this.#answer(seen, raw, res), delayMs)
      else this.#answer(seen, raw, res)
    })
  }

  #answer(seen: Seen, raw: Buffer, res: ServerResponse): void {
    if (seen.path === '/v2/transactions') {
      this.sent.push(raw)
      return void json(res, 200, txidFromBytes(raw))
    }
    const answer = this.#route(seen)
    if (typeof answer === 'string') text(res, 404, answer)
    else json(res, 200, answer)
  }

  /** A text is a 404 with that reason. */
  #route({ path, query }: Seen): string | object {
    const tip = this.tip
    if (path === '/v2/info' && tip !== undefined)
      return {
        network_id: this.networkId,
        stacks_tip: tip.blockHash,
        stacks_tip_consensus_hash: tip.consensusHash,
        stacks_tip_height: this.claim.height ?? tip.height,
        burn_block_height: this.claim.burnHeight ?? tip.burnHeight,
      }
    if (path.startsWith('/v2/contracts/call-read/')) {
      // As the real node: what is no block id is taken for "left out".
      const asked = query.get('tip') ?? ''
      const at = /^[0-9a-f]{64}$/.test(asked) ? this.blocks.get(asked) : tip
      if (at === undefined || !this.hasContract) return 'no such tip or contract'
      const fn = path.split('/').at(-1)
      return this.hasFunction
        ? { okay: true, result: at.data }
        : { okay: false, cause: `Unchecked(UndefinedFunction("${fn}"))` }
    }
    if (path.startsWith('/v2/data_var/')) {
      const at = this.blocks.get(query.get('tip') ?? '')
      return at === undefined ? 'Chain tip not found' : { data: variable(at.data, path.split('/').at(-1) ?? '') }
    }
    const tenure = /^\/v3\/tenures\/blocks\/height\/(\d+)$/.exec(path)
    if (tenure !== null) return this.#tenure(Number(tenure[1]))
    if (path.startsWith('/v2/contracts/source/'))
      return this.hasContract ? { source: '(ok)' } : 'No contract source data found'
    if (path.startsWith('/v2/accounts/'))
      return { nonce: this.nonces.get(query.get('tip') ?? '') ?? this.nonce, balance: '0x0f', locked: '0x00' }
    if (path === '/v2/fees/transaction') return { estimations: [1000, 2000, 3000].map((fee) => ({ fee, fee_rate: 1 })) }
    return 'nothing here'
  }

  /** Of the blocks pushed so far, newest first; a block's parent is the one below it. */
  #tenure(burnHeight: number): string | object {
    const all = [...this.blocks.values()]
    const blocks = all.filter((b) => b.burnHeight === burnHeight).sort((a, b) => b.height - a.height)
    const [newest] = blocks
    if (newest === undefined) return `No blocks in tenure with burnchain block height ${burnHeight}`
    const parentOf = (b: FakeBlock) => all.findLast((p) => p.height === b.height - 1)?.id ?? '00'.repeat(32)
    return {
      consensus_hash: newest.consensusHash,
      burn_block_height: burnHeight,
      burn_block_hash: newest.blockHash,
      stacks_blocks: blocks.map((b) => ({
        block_id: b.id,
        block_hash: b.blockHash,
        parent_block_id: parentOf(b),
        height: b.height,
      })),
    }
  }
}

/** One field of `get-current-signer-data`, as `/v2/data_var` gives it. */
function variable(data: string, name: string): string {
  const tuple = deserializeCV(data)
  const value = tuple.type === ClarityType.Tuple ? tuple.value[name] : undefined
  if (value === undefined) throw new Error(`fixture: no ${name}`)
  return `0x${serializeCV(value)}`
}

export function json(res: ServerResponse, status: number, value: unknown): void {
  res.writeHead(status, { 'content-type': 'application/json' })
  res.end(JSON.stringify(value))
}
export function text(res: ServerResponse, status: number, body: string): void {
  res.writeHead(status, { 'content-type': 'text/plain' })
  res.end(body)
}
