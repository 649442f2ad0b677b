import type { HttpAnswer } from '../../base/index.ts'
import { type Block, type BurnBlock, blockBytes } from './block.ts'
import { bytesAnswer, json, plain } from './http-answers.ts'
import type { ChainView } from './view.ts'

/** Regtest of Bitcoin. */
const PARENT_NETWORK_ID = 3_669_344_250
const PEER_VERSION = 402_653_196
const GENESIS_HASH = '00'.repeat(32)

/** `GET /v2/info`. The index block hash isn't told: readers make it of tip and consensus hash. */
export function info(view: ChainView): HttpAnswer {
  const { tip } = view
  return json({
    peer_version: PEER_VERSION,
    pox_consensus: tip.burn.consensusHash,
    burn_block_height: tip.burn.height,
    stable_pox_consensus: tip.burn.consensusHash,
    stable_burn_block_height: tip.burn.height,
    server_version: 'stacks-node 0.0.0 (embedded)',
    network_id: view.core.chainId,
    parent_network_id: PARENT_NETWORK_ID,
    stacks_tip_height: tip.height,
    stacks_tip: tip.blockHash,
    stacks_tip_consensus_hash: tip.consensusHash,
    genesis_chainstate_hash: GENESIS_HASH,
    unanchored_tip: null,
    unanchored_seq: null,
    tenure_height: tip.burn.height,
    exit_at_block_height: null,
    is_fully_synced: true,
    stackerdbs: [],
  })
}

/** `GET /v3/blocks/<id>`: the Nakamoto encoding. */
export function blockById(view: ChainView, [id]: readonly string[]): HttpAnswer {
  const block = view.find((b) => b.indexBlockHash === id)
  return block === undefined ? plain(404, `No such block ${id}\n`) : bytesAnswer(blockBytes(block))
}

/** `GET /v3/blocks/height/<n>` */
export function blockByHeight(view: ChainView, [height]: readonly string[]): HttpAnswer {
  const block = view.find((b) => String(b.height) === height)
  return block === undefined ? plain(404, `No such block #${height}\n`) : bytesAnswer(blockBytes(block))
}

/** `GET /v3/tenures/info` */
export function tenureInfo(view: ChainView): HttpAnswer {
  const { tip } = view
  const start = tenureStart(view, tip.burn)
  const parent = view.find((b) => b.indexBlockHash === start.parentIndexBlockHash) ?? start
  return json({
    consensus_hash: tip.consensusHash,
    tenure_start_block_id: start.indexBlockHash,
    parent_consensus_hash: parent.consensusHash,
    parent_tenure_start_block_id: tenureStart(view, parent.burn).indexBlockHash,
    tip_block_id: tip.indexBlockHash,
    tip_height: tip.height,
    reward_cycle: 0,
  })
}

function tenureStart(view: ChainView, burn: BurnBlock): Block {
  return tenureBlocks(view, (b) => b.burn === burn).at(-1) ?? view.tip
}

/** Newest first. */
function tenureBlocks(view: ChainView, match: (block: Block) => boolean): Block[] {
  const { height } = view.tip
  return view.core.chain.filter((b) => b.height <= height && match(b)).reverse()
}

/** `GET /v3/tenures/blocks/<consensus hash>` */
export const tenureByConsensus = (view: ChainView, [hash = '']: readonly string[]): HttpAnswer =>
  tenure(view, (b) => b.consensusHash === hash, hash)
/** `GET /v3/tenures/blocks/hash/<burn block hash>` */
export const tenureByBurnHash = (view: ChainView, [hash = '']: readonly string[]): HttpAnswer =>
  tenure(view, (b) => b.burn.hash === hash, `with burnchain block hash ${hash}`)
/** `GET /v3/tenures/blocks/height/<burn height>` */
export const tenureByBurnHeight = (view: ChainView, [height = '']: readonly string[]): HttpAnswer =>
  tenure(view, (b) => String(b.burn.height) === height, `with burnchain block height ${height}`)

function tenure(view: ChainView, match: (block: Block) => boolean, what: string): HttpAnswer {
  const blocks = tenureBlocks(view, match)
  const [newest] = blocks
  if (newest === undefined) return plain(404, `No blocks in tenure ${what}`)
  return json({
    consensus_hash: newest.consensusHash,
    burn_block_height: newest.burn.height,
    burn_block_hash: newest.burn.hash,
    stacks_blocks: blocks.map((b) => ({
      block_id: b.indexBlockHash,
      block_hash: b.blockHash,
      parent_block_id: b.parentIndexBlockHash,
      height: b.height,
    })),
  })
}

/** `GET /v3/sortitions[/burn_height|burn|consensus/<value>]`: every Bitcoin block elected someone. */
export function sortition(view: ChainView, [key, value]: readonly string[]): HttpAnswer {
  const found = view.find((b) => key === undefined || sortitionField(b.burn, key) === value)
  if (found === undefined) return plain(404, `Could not find snapshot ${key} ${value}\n`)
  const { burn } = found
  const parent = view.find((b) => b.burn.hash === burn.parentHash)
  const parentConsensus = parent === undefined ? null : `0x${parent.consensusHash}`
  return json({
    burn_block_hash: `0x${burn.hash}`,
    burn_block_height: burn.height,
    sortition_id: `0x${burn.hash}`,
    parent_sortition_id: `0x${burn.parentHash}`,
    consensus_hash: `0x${burn.consensusHash}`,
    was_sortition: true,
    miner_pk_hash160: `0x${'00'.repeat(20)}`,
    stacks_parent_ch: parentConsensus,
    last_sortition_ch: parentConsensus,
    committed_block_hash: parent === undefined ? null : `0x${tenureStart(view, parent.burn).blockHash}`,
  })
}

function sortitionField(burn: BurnBlock, key: string): string | undefined {
  if (key === 'burn_height') return String(burn.height)
  if (key === 'burn') return burn.hash
  return key === 'consensus' ? burn.consensusHash : undefined
}
