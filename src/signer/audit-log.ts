import { describeError, type Logger, type PeerIdStr } from '../base/index.ts'
import type { KeyPair } from '../curve/index.ts'
import { type GroupJournal, type GroupJournalView, openGroupJournal } from '../store/index.ts'
import type { AuditEntry, AuditLog } from './audit.types.ts'

/** Name of the journal and of its files (docs/AUDIT.md). */
export const AUDIT_JOURNAL = 'audit'

export interface AuditLogInit {
  /** Folder of its files. */
  readonly dir: string
  readonly signer: Pick<KeyPair, 'publicKey' | 'sign'>
  readonly logger: Logger
  readonly maxFileBytes?: number
}

export interface AuditView {
  /** undefined where the files could not be opened. */
  readonly journal: GroupJournalView | undefined
  /** Why nothing can be written any more. */
  readonly failure: string | null
}

export interface OpenAuditLog extends AuditLog {
  view(): AuditView
  close(): Promise<void>
}

/**
 * The node's audit log. Files that can't be opened or written stop no node: every append is refused then, so that no request is
 * answered that could not be recorded, and health says so.
 */
export async function openAuditLog(init: AuditLogInit): Promise<OpenAuditLog> {
  const logger = init.logger.child('audit')
  let failure: string | null = null
  let journal: GroupJournal | undefined
  const fail = (error: unknown) => {
    failure = describeError(error)
    logger.error('Decisions can’t be recorded: audited requests are refused', { error: failure })
  }
  try {
    const { dir, signer, maxFileBytes } = init
    const bound = maxFileBytes === undefined ? {} : { maxFileBytes }
    const opened = await openGroupJournal({ dir, journal: AUDIT_JOURNAL, signer, onFailure: fail, ...bound })
    journal = opened.journal
    if (opened.tornTo !== undefined)
      logger.warn('Decisions were cut off by a crash; what was there of them is kept aside', { file: opened.tornTo })
  } catch (error) {
    fail(error)
  }
  return {
    append: async (entry) => {
      if (journal === undefined) throw new Error(`the audit log could not be opened: ${failure}`)
      await journal.append(textOfEntry(entry))
    },
    isFailed: () => failure !== null,
    view: () => ({ journal: journal?.view(), failure }),
    close: async () => await journal?.close(),
  }
}

/** Fields in one order; what says nothing is left out. */
export function textOfEntry(e: AuditEntry): string {
  const { atMs, client, method, key, items, requestHash, outcome, refusedItems, answered } = e
  const refused = Object.keys(refusedItems).length === 0 ? {} : { refusedItems }
  return JSON.stringify({ atMs, client, method, key, items, requestHash, outcome, ...refused, answered })
}

/** A line of the log, for whoever reads it; undefined for what is no decision, like the first line of a file. */
export function parseAuditEntry(payload: string): AuditEntry | undefined {
  const value = parseObject(payload)
  if (value === undefined) return undefined
  const { atMs, client, method, key, items, requestHash, outcome, refusedItems, answered } = value
  if (typeof atMs !== 'number' || typeof items !== 'number') return undefined
  const texts = [client, method, requestHash, outcome]
  if (!texts.every((text) => typeof text === 'string')) return undefined
  return {
    atMs,
    client: String(client) as PeerIdStr,
    method: String(method),
    key: typeof key === 'string' ? key : undefined,
    items,
    requestHash: String(requestHash),
    outcome: String(outcome),
    refusedItems: countsOf(refusedItems),
    ...(answered === false ? { answered } : {}),
  }
}

function countsOf(value: unknown): Readonly<Record<string, number>> {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(Object.entries(value).flatMap(([k, v]) => (typeof v === 'number' ? [[k, v]] : [])))
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}
