import { join } from 'node:path'
import { describeError, type Startable } from '../base/index.ts'
import { peerIdOfKey } from '../curve/index.ts'
import { admittedPending, type Gate, standingOf } from '../gating/index.ts'
import type { P2pHost } from '../p2p/index.ts'
import {
  EvidenceBook,
  EvidenceExchange,
  type KeygenAbort,
  type PendingSpec,
  recordOfComplaint,
  recordOfFault,
  recordOfSignFault,
  type SignFault,
} from '../rounds/index.ts'
import type { ShareVault } from '../signer/index.ts'
import { EVIDENCE_CHAIN, type OpenedJournal, openChainedJournal } from '../store/index.ts'
import type { ActiveShare } from './active-key.ts'
import { type Foundation, nextOf, part } from './foundation.ts'
import { stateOf } from './status.ts'

/** Where what this node can prove is kept (docs/ROUNDS.md). */
export const evidenceFile = (dataDir: string): string => join(dataDir, 'evidence.jsonl')

export interface EvidenceParts {
  readonly book: EvidenceBook
  /** What a keygen attempt of a pending set ended with. */
  readonly keygenEnded: (spec: PendingSpec, reason: KeygenAbort) => void
  /** What a sign round over this share found. */
  readonly signFault: (share: ActiveShare | undefined, vault: ShareVault, fault: SignFault) => void
  readonly exchange: EvidenceExchange
  /** Gives the file back. */
  readonly file: Startable
}

type EvidenceBase = Pick<Foundation, 'config' | 'key' | 'clock' | 'logger' | 'metrics'> &
  Partial<Pick<Foundation, 'keys'>>
interface EvidencePorts {
  readonly gate: Gate
  readonly host: Pick<P2pHost, 'messenger'>
}

/** A file that is broken stops nobody from signing: nothing is recorded then, and health says so. */
export async function createEvidence(base: EvidenceBase, ports: EvidencePorts): Promise<EvidenceParts> {
  return evidenceIn(await open(base), base, ports)
}

/** The same over a journal that is open already, or why there is none. */
export function evidenceIn(
  opened: OpenedJournal | { readonly error: unknown },
  base: EvidenceBase,
  { gate, host }: EvidencePorts,
): EvidenceParts {
  const { config, key, clock, logger, metrics } = base
  const { network, contract } = config.registry.id
  const next = nextOf(base)?.keyPair.publicKey
  const own = [key.keyPair.publicKey, ...(next === undefined ? [] : [next])]
  const book = new EvidenceBook({
    own,
    // A made-up set of made-up keys proves only that somebody had time to make it up.
    isMember: (member) => own.includes(member) || standingOf(gate.state, peerIdOfKey(member)).role !== 'none',
    journal: 'journal' in opened ? opened.journal : { append: () => Promise.reject(opened.error) },
    kept: 'journal' in opened ? opened.records.map((r) => r.payload) : [],
    ...('journal' in opened ? {} : { failure: describeError(opened.error) }),
    ...{ clock, logger, metrics },
  })
  return {
    book,
    keygenEnded: ({ parentSetHash, keys, threshold, attempt }, reason) => {
      const where = { network, contract, scope: { kind: 'pending', parentSetHash, keys, threshold, attempt } } as const
      for (const record of keygenRecords(where, reason)) detach(book.found(record))
    },
    signFault: (share, vault, fault) => {
      if (share?.set === undefined) return
      const stored = vault.byTranscript(share.transcript)
      const { keys, threshold, aggregateKey } = share.set
      const where = { network, contract, scope: { kind: 'set', keys, threshold, aggregateKey } } as const
      const judgedBy = stored && { key: stored.key.public, certificate: stored.certificate }
      const record = recordOfSignFault(where, { ...fault, ...judgedBy })
      if (record !== undefined) detach(book.found(record))
    },
    exchange: new EvidenceExchange({
      network,
      messenger: host.messenger,
      book,
      currentSet: () => (stateOf(gate) === 'signer' ? gate.state.set?.hash : undefined),
      pendingSet: () => admittedPending(gate.state)?.id,
      ...{ clock, logger },
    }),
    file: part({ stop: async () => ('journal' in opened ? await opened.journal.close() : undefined) }),
  }

  function detach(work: Promise<void>): void {
    work.catch((error: unknown) => logger.error('Evidence not recorded', { error: describeError(error) }))
  }
}

function keygenRecords(where: Parameters<typeof recordOfFault>[0], reason: KeygenAbort) {
  const records =
    reason.kind === 'fault'
      ? reason.faults.map((fault) => recordOfFault(where, fault))
      : reason.kind === 'complaint'
        ? [recordOfComplaint(where, reason)]
        : []
  return records.filter((record) => record !== undefined)
}

async function open({
  config,
  key,
  logger,
}: Pick<Foundation, 'config' | 'key' | 'logger'>): Promise<OpenedJournal | { readonly error: unknown }> {
  try {
    const path = evidenceFile(config.dataDir)
    const opened = await openChainedJournal({ path, chain: EVIDENCE_CHAIN, signer: key.keyPair })
    if (opened.tornTo !== undefined)
      logger.warn('An evidence record was cut off by a crash; what was there of it is kept aside', {
        file: opened.tornTo,
      })
    return opened
  } catch (error) {
    logger.error('Evidence can’t be kept', { error: describeError(error) })
    return { error }
  }
}
