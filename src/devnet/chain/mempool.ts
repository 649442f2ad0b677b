import type { SignedCall } from './parse-tx.ts'

/** Transactions that wait at once: a devnet has a handful of accounts with at most 27 nonces each. */
const MAX_WAITING = 1_000

export type PoolVerdict = 'added' | 'conflict' | 'full'

/** Admitted transactions in order of arrival; one per account and nonce. */
export class Mempool {
  readonly #txs = new Map<string, SignedCall>()

  has(txid: string): boolean {
    return this.#txs.has(txid)
  }

  /** A second transaction with the same nonce replaces the first if it pays more, as a Stacks node does. */
  add(tx: SignedCall): PoolVerdict {
    const rival = [...this.#txs.values()].find((t) => t.origin === tx.origin && t.nonce === tx.nonce)
    if (rival !== undefined && tx.feeUstx <= rival.feeUstx) return 'conflict'
    if (rival === undefined && this.#txs.size >= MAX_WAITING) return 'full'
    if (rival !== undefined) this.#txs.delete(rival.txid)
    this.#txs.set(tx.txid, tx)
    return 'added'
  }

  remove(txid: string): void {
    this.#txs.delete(txid)
  }

  waiting(): readonly SignedCall[] {
    return [...this.#txs.values()]
  }
}
