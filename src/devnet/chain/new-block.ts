import { type Block, type MinedTx, rawTxHex } from './block.ts'

const NO_COST = { write_length: 0, write_count: 0, read_length: 0, read_count: 0, runtime: 0 }
const ZERO_32 = `0x${'00'.repeat(32)}`

/** Body of `POST /new_block`, as a Stacks node's event dispatcher sends it. */
export function newBlockPayload(block: Block, parent: Block | undefined): Readonly<Record<string, unknown>> {
  return {
    block_hash: `0x${block.blockHash}`,
    block_height: block.height,
    block_time: block.timeS,
    burn_block_hash: `0x${block.burn.hash}`,
    burn_block_height: block.burn.height,
    burn_block_time: block.burn.timeS,
    miner_txid: ZERO_32,
    index_block_hash: `0x${block.indexBlockHash}`,
    parent_block_hash: `0x${block.parentBlockHash}`,
    parent_index_block_hash: `0x${block.parentIndexBlockHash}`,
    parent_microblock: ZERO_32,
    parent_microblock_sequence: 0,
    matured_miner_rewards: [],
    events: block.mined.flatMap(contractEvents).map((event, event_index) => ({ ...event, event_index })),
    transactions: block.mined.map(transactionJson),
    parent_burn_block_hash: parent === undefined ? ZERO_32 : `0x${parent.burn.hash}`,
    parent_burn_block_height: parent?.burn.height ?? 0,
    parent_burn_block_timestamp: parent?.burn.timeS ?? 0,
    anchored_cost: NO_COST,
    confirmed_microblocks_cost: NO_COST,
    signer_bitvec: null,
    reward_set: null,
    cycle_number: null,
    tenure_height: block.burn.height,
    consensus_hash: `0x${block.consensusHash}`,
    signer_signature_hash: `0x${block.blockHash}`,
    miner_signature: `0x${'00'.repeat(65)}`,
    signer_signature: [],
  }
}

const contractEvents = ({ tx, events, status }: MinedTx) =>
  events.map(({ contract, topic, rawValue }) => ({
    txid: `0x${tx.txid}`,
    committed: status === 'success',
    type: 'contract_event',
    contract_event: { contract_identifier: contract, topic, raw_value: `0x${rawValue}` },
  }))

const transactionJson = ({ tx, status, result, vmError }: MinedTx, tx_index: number) => ({
  txid: `0x${tx.txid}`,
  tx_index,
  status,
  raw_result: `0x${result}`,
  raw_tx: `0x${rawTxHex(tx)}`,
  contract_interface: null,
  burnchain_op: null,
  execution_cost: NO_COST,
  microblock_sequence: null,
  microblock_hash: null,
  microblock_parent_hash: null,
  vm_error: vmError ?? null,
})
