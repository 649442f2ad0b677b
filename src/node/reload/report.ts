/** Who asked: the admin API, a signal, or a change of the file. */
export type ReloadTrigger = 'admin' | 'signal' | 'file'

/** Labels of `config_reloads_total`. `needs_restart`, `invalid` and `unreadable` applied nothing at all (incident 42). */
export const RELOAD_RESULTS = ['applied', 'unchanged', 'needs_restart', 'invalid', 'unreadable'] as const
export type ReloadResult = (typeof RELOAD_RESULTS)[number]

/** What came into a list and what left it, as the file spells its entries; of a peer that stays, the grants that changed. */
export interface ListChange {
  /** `p2p.deny`, `bridge`. */
  readonly key: string
  readonly added: readonly string[]
  readonly removed: readonly string[]
}

export interface ReloadRefusal {
  /** `registry.endpoints`; empty where the file as a whole is meant. */
  readonly key: string
  /** A sentence for the operator. */
  readonly reason: string
}

export interface ReloadReport {
  readonly result: ReloadResult
  readonly trigger: ReloadTrigger
  /** Unix ms. */
  readonly atMs: number
  readonly file: string
  /** Of an applied reload. */
  readonly changes: readonly ListChange[]
  /** Why nothing was applied. */
  readonly refusals: readonly ReloadRefusal[]
  /**
   * Of an unchanged file: the reload that had applied it before, by its change or a signal; else null. Who edits the file and
   * then asks for a reload is always second.
   */
  readonly appliedBefore: Pick<ReloadReport, 'trigger' | 'atMs' | 'changes'> | null
}

export const isRefused = ({ refusals }: Pick<ReloadReport, 'refusals'>): boolean => refusals.length > 0

/** One line for an error or a log. */
export const refusalText = ({ file, refusals }: Pick<ReloadReport, 'file' | 'refusals'>): string =>
  refusals
    .map(({ key, reason }) => (reason.startsWith(file) || key === '' ? reason : `${file}: ${key} ${reason}`))
    .join('; ')
