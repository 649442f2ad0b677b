import type { GroupKey, Listenable, PublicKey, SetHash, Startable } from '../base/index.ts'

/** The contract of the signer registry, and the network it stands on. */
export interface RegistryId {
  /** `mainnet`, `testnet`, … as the operator names it; part of set hashes and topics. */
  readonly network: string
  /** The chain's own network id, e.g. 1 for mainnet, 0x80000000 for testnets. */
  readonly chainId: number
  /** `<address>.<contract name>` */
  readonly contract: string
}

/** Where on the chain a reading was made. */
export interface ChainTip {
  /** 64 hex digits without 0x. */
  readonly indexBlockHash: string
  readonly stacksHeight: number
  /** Bitcoin height as of which the reading was made: the block's own, or a later one at which it was still the newest. */
  readonly burnHeight: number
  /**
   * A quorum showed that the block was mined by `burnHeight`. Left out where endpoints only claim so, as in a snapshot that
   * an older version stored: then less counts as proof of a reorg.
   */
  readonly isMinedBy?: true
}

/** A signer set that stands on chain. `keys` are sorted by bytes, without duplicates. */
export interface SignerSet {
  readonly hash: SetHash
  readonly keys: readonly PublicKey[]
  readonly threshold: number
  /** The aggregate key as the contract holds it, 33-byte compressed. */
  readonly aggregateKey: PublicKey
  /** Its x-only form (R2). */
  readonly groupKey: GroupKey
  /** Stacks address of the set's multisig. */
  readonly principal: string
  /** The keys in the contract's order, only where that differs from `keys`: the principal's redeem script has them so. */
  readonly listOrder?: readonly PublicKey[]
}

/** `call-read`: the contract's combined read; `data_var`: its four variables one by one, for a contract without that function. */
export const READ_PATHS = ['call-read', 'data_var'] as const
export type ReadPath = (typeof READ_PATHS)[number]

/** Why a snapshot is believed. */
export interface ReadEvidence {
  /** Scheme, host and port of the Stacks nodes whose answers agreed. */
  readonly endpoints: readonly string[]
  readonly via: ReadPath
  /** Bitcoin blocks that stood on the block (R4). */
  readonly confirmations: number
}

interface SnapshotBase {
  readonly tip: ChainTip
  readonly readAtMs: number
  /** Left out in a snapshot that an older version stored. */
  readonly evidence?: ReadEvidence
}

/**
 * One validated, frozen reading of the registry (docs/RULES.md).
 * `uninitialised` is what the registry itself answered (R6), not a failure; its `parentHash` names the absent set.
 */
export type Snapshot = SnapshotBase &
  ({ readonly kind: 'set'; readonly set: SignerSet } | { readonly kind: 'uninitialised'; readonly deployer: string })

/** Why a reading was not applied; the last good snapshot stands. Closed list, also metric labels. */
export const READ_FAILURES = [
  'unreachable',
  'timeout',
  'http_status',
  'malformed_answer',
  'call_failed',
  'wrong_network',
  'contract_missing',
  'invalid_set',
  'no_quorum',
  'height_went_back',
] as const
export type ReadFailure = (typeof READ_FAILURES)[number]

/** Port (implemented with `store`): the last good snapshot survives restarts. */
export interface SnapshotKeeper {
  load(): Promise<Uint8Array | undefined>
  save(bytes: Uint8Array): Promise<void>
}

/** Port (implemented with `store`): the record of set changes. */
export interface SetAudit {
  /** One line without its end; synced when it resolves. */
  append(line: string): Promise<void>
}

export interface RegistryHealth {
  readonly lastReadAtMs: number | undefined
  readonly lastFailure: { readonly reason: ReadFailure; readonly detail: string; readonly atMs: number } | undefined
  /** When the reading that is under way began; left out between readings. */
  readonly readingSinceMs?: number
}

/** Watches the registry: poll and hints, pinned reads, validation, last good snapshot. */
export interface RegistryWatcher extends Startable {
  /** undefined until the first good reading (from disk or chain). */
  latest(): Snapshot | undefined
  /** R5: true while `latest` is older than `max_age`. Its members stay members; nothing that widens trust may be done by it. */
  stale(): boolean
  /** Every snapshot that is applied and differs from the one before (other set, or initialised). Listeners run synchronously, in order of registration: the gate first. */
  readonly changes: Listenable<Snapshot>
  /** Read soon: hints coalesce to one read per second (R10). */
  hint(): void
  /** Reads now, for callers that can't wait for the poll; same coalescing and validation. Throws CodedError with a ReadFailure code. */
  readNow(signal?: AbortSignal): Promise<Snapshot>
  health(): RegistryHealth
}

/** What the rotate-keys transaction says through the contract beside the registry. */
export interface RotateKeysCall {
  readonly newKeys: readonly PublicKey[]
  readonly newAggregateKey: PublicKey
  readonly newThreshold: number
}

/**
 * The unsigned transaction: everything that is signed over. Each member builds it from the same facts and gets the same bytes.
 * Non-sequential multisig (hash mode 5) of the current principal: members sign independently.
 */
export interface RotateKeysPlan {
  readonly call: RotateKeysCall
  /** Current set: signs, pays, is `tx-sender`. Sorted as the principal's redeem script wants it. */
  readonly signers: readonly PublicKey[]
  readonly signaturesRequired: number
  readonly nonce: number
  readonly feeUstx: number
}

/** What the chain holds now, at one block and whatever its depth. */
export interface RotationState {
  /** The principal's next nonce. */
  readonly nonce: number
  /** The key that the registry holds; undefined while it is not initialised. */
  readonly aggregateKey: PublicKey | undefined
}

export interface RotateKeysTx {
  /**
   * Read at the newest block on which a quorum agrees. A snapshot is `confirmations` Bitcoin blocks behind it (R4): a
   * rotation that was mined shows here first, and nothing may be signed at the nonce after it. Throws ReadError.
   */
  rotationState(principal: string, signal?: AbortSignal): Promise<RotationState>
  /** Median of what a quorum of endpoints answers, within the cap. Throws ReadError. */
  estimateFeeUstx(
    call: RotateKeysCall,
    signers: readonly PublicKey[],
    signaturesRequired: number,
    signal?: AbortSignal,
  ): Promise<number>
  /** SHA-512/256 sighash that members sign, hex; also names the payload for "one payload per account nonce" (R29). */
  payloadHash(plan: RotateKeysPlan): Promise<string>
  /** This member's recoverable signature, 65 bytes. Throws if the key isn't among the signers, or R3 forbids the set. */
  sign(plan: RotateKeysPlan, secret: Uint8Array): Promise<Uint8Array>
  /** True if `signature` is `member`'s over this plan. */
  verify(plan: RotateKeysPlan, member: PublicKey, signature: Uint8Array): Promise<boolean>
  /** Combines at least m signatures and sends the transaction. Resolves with the txid; "accepted" is not "done". Throws `TX_REJECTED` with the node's reason. */
  broadcast(plan: RotateKeysPlan, signatures: ReadonlyMap<PublicKey, Uint8Array>, signal?: AbortSignal): Promise<string>
}
