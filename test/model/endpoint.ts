import { Cl, serializeCV } from '@stacks/transactions'
import { toHex, utf8 } from '../../src/base/index.ts'
import { sha256 } from '../../src/curve/index.ts'
import { indexBlockHash, principalOf } from '../../src/registry/index.ts'
import { DEPLOYER, REGISTRY } from '../unit/registry/support/fixtures.ts'
import { ancestors, type Block, type Chain, tenureOf, type View } from './chain.ts'
import { FORGED, keyOf, type State, stateOf } from './universe.ts'

/** How an endpoint answers nothing of use. `foreign`: it serves another chain; `other-id`: ours, under another network id. */
export const FAILURES = ['refuses', 'http-500', 'garbage', 'foreign', 'other-id'] as const
export type Failure = (typeof FAILURES)[number]
/** What a liar says of its newest block, … */
export const TIP_LIES = [
  'none',
  'unknown-high',
  'true-but-higher',
  'old-as-new',
  'old',
  'burn-high',
  'burn-low',
] as const
/** … of what stands on a Bitcoin block, … */
export const TENURE_LIES = ['none', 'missing', 'forged', 'shifted', 'old-branch', 'garbage'] as const
/** … and of what the registry holds at a block. */
export const DATA_LIES = ['none', 'forged', 'blank', 'older', 'call-failed', 'malformed', 'missing'] as const
export interface Lies {
  readonly tip: (typeof TIP_LIES)[number]
  readonly tenure: (typeof TENURE_LIES)[number]
  readonly data: (typeof DATA_LIES)[number]
}

/** One Stacks node as the operator's config names it. `lag`: how many moments of the chain's history it is behind. */
export interface EndpointMood {
  readonly lag: number
  readonly failure?: Failure
  readonly lies?: Lies
}

export interface Answer {
  readonly status: number
  readonly body: string
}
const ok = (value: unknown): Answer => ({ status: 200, body: JSON.stringify(value) })
const notFound: Answer = { status: 404, body: 'not found' }
const garbage: Answer = { status: 200, body: '{"okay":tr' }

/** A true block's halves and id, as /v2/info and `tip=` name it. */
function namesOf(label: string) {
  const blockHash = toHex(sha256(utf8(label)))
  const consensusHash = blockHash.slice(0, 40)
  return { blockHash, consensusHash, id: indexBlockHash(blockHash, consensusHash) }
}
const names = new Map<number, ReturnType<typeof namesOf>>()
function blockNames({ n }: Block) {
  const known = names.get(n)
  if (known !== undefined) return known
  const made = namesOf(`block ${n}`)
  names.set(n, made)
  return made
}
export const blockId = (block: Block): string => blockNames(block).id
const GENESIS_PARENT = '00'.repeat(32)
const UNKNOWN = namesOf('no block of any chain')

const encoded = new Map<string, string>()
function signerData(state: State): string {
  const known = encoded.get(state.name)
  if (known !== undefined) return known
  const principal =
    state.kind === 'set' ? principalOf(REGISTRY.chainId, state.keys.map(keyOf), state.threshold) : DEPLOYER
  const made = `0x${serializeCV(
    Cl.tuple({
      'current-signer-set': Cl.list(state.keyBytes.map((k) => Cl.buffer(k))),
      'current-aggregate-pubkey': Cl.buffer(state.aggregateKey),
      'current-signer-principal': Cl.principal(principal),
      'current-signature-threshold': Cl.uint(state.threshold),
    }),
  )}`
  encoded.set(state.name, made)
  return made
}

/** The view of the chain's history that an endpoint has. */
export function viewOf(chain: Chain, { lag }: EndpointMood): View {
  return chain.history[Math.max(0, chain.history.length - 1 - lag)] ?? chain.now
}

/** Answers as a Stacks node would, or as this one's mood is. Throws where a connection would be refused. */
export function answer(chain: Chain, mood: EndpointMood, url: URL): Answer {
  if (mood.failure === 'refuses') throw new TypeError('fetch failed')
  if (mood.failure === 'http-500') return { status: 500, body: 'busy' }
  if (mood.failure === 'garbage') return garbage
  const view = viewOf(chain, mood)
  const lies = mood.lies ?? { tip: 'none', tenure: 'none', data: 'none' }
  const { pathname } = url
  if (pathname === '/v2/info') return info(chain, view, mood, lies)
  const tenure = /^\/v3\/tenures\/blocks\/height\/(\d+)$/.exec(pathname)
  // A node of another chain has none of our blocks; it says so, and that must count for nothing.
  if (mood.failure === 'foreign') return notFound
  if (tenure !== null) return tenureAnswer(chain, view, Number(tenure[1]), lies)
  if (pathname.startsWith('/v2/contracts/call-read/')) return data(chain, view, url.searchParams.get('tip') ?? '', lies)
  if (pathname.startsWith('/v2/contracts/source/')) return ok({ source: '(ok)' })
  return notFound
}

function info(chain: Chain, view: View, mood: EndpointMood, { tip: lie }: Lies): Answer {
  const tell = (of: { blockHash: string; consensusHash: string }, height: number, burn: number) =>
    ok({
      network_id: mood.failure === undefined ? REGISTRY.chainId : REGISTRY.chainId + 1,
      stacks_tip: of.blockHash,
      stacks_tip_consensus_hash: of.consensusHash,
      stacks_tip_height: height,
      burn_block_height: burn,
    })
  const { tip, reached } = view
  const old = ancestors(tip).at(Math.min(4, ancestors(tip).length - 1)) ?? tip
  const newest = chain.now
  switch (lie) {
    case 'unknown-high':
      return tell(UNKNOWN, newest.tip.stacksHeight + 1_000, newest.reached + 1_000)
    case 'true-but-higher':
      return tell(blockNames(tip), tip.stacksHeight + 1_000, reached + 1_000)
    case 'old-as-new':
      return tell(blockNames(old), newest.tip.stacksHeight, newest.reached)
    case 'old':
      return tell(blockNames(old), old.stacksHeight, reached)
    case 'burn-high':
      // So little that its tenure is still found from there.
      return tell(blockNames(tip), tip.stacksHeight, reached + 3)
    case 'burn-low':
      return tell(blockNames(tip), tip.stacksHeight, 1)
    case 'none':
      return tell(blockNames(tip), tip.stacksHeight, reached)
  }
}

function tenureAnswer(chain: Chain, view: View, burn: number, { tenure: lie }: Lies): Answer {
  const tell = (blocks: readonly Block[]) =>
    blocks.length === 0
      ? notFound
      : ok({
          burn_block_height: burn,
          stacks_blocks: blocks.map((b) => ({
            block_id: blockId(b),
            parent_block_id: b.parent === undefined ? GENESIS_PARENT : blockId(b.parent),
            height: b.stacksHeight,
          })),
        })
  switch (lie) {
    case 'missing':
      return notFound
    case 'garbage':
      return garbage
    case 'forged':
      return ok({
        burn_block_height: burn,
        stacks_blocks: [{ block_id: UNKNOWN.id, parent_block_id: GENESIS_PARENT, height: view.tip.stacksHeight }],
      })
    case 'shifted':
      return tell(tenureOf(view, burn - 2))
    case 'old-branch': {
      const first = chain.history[0] ?? view
      const dropped = chain.blocks.filter((b) => b.burnHeight === burn && !ancestors(view.tip).includes(b))
      return tell(dropped.length > 0 ? dropped.slice(0, 1) : tenureOf(first, burn))
    }
    case 'none':
      return tell(tenureOf(view, burn))
  }
}

function data(chain: Chain, view: View, id: string, { data: lie }: Lies): Answer {
  const block = chain.blocks.slice(0, view.known).find((b) => blockId(b) === id)
  const tell = (state: State) => ok({ okay: true, result: signerData(state) })
  switch (lie) {
    case 'forged':
      return tell(FORGED)
    case 'blank':
      return tell(stateOf('blank'))
    case 'older':
      return tell(stateOf((block && ancestors(block).at(-1)?.state) ?? 'blank'))
    case 'call-failed':
      return ok({ okay: false, cause: 'Unchecked(CostBalanceExceeded)' })
    case 'malformed':
      return ok({ okay: true, result: '0x0c00000001' })
    case 'missing':
      return notFound
    case 'none':
      return block === undefined ? notFound : tell(stateOf(block.state))
  }
}
