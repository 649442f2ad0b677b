/** What the chain knows of an account besides contract state: the VM doesn't count nonces nor take fees. */
export interface Account {
  readonly nonce: number
  readonly balanceUstx: bigint
}
/** Frozen per block; a change makes a new one. */
export type Ledger = ReadonlyMap<string, Account>

const EMPTY: Account = { nonce: 0, balanceUstx: 0n }

export const accountIn = (ledger: Ledger, address: string): Account => ledger.get(address) ?? EMPTY

export function credited(ledger: Ledger, credits: readonly (readonly [string, bigint])[]): Ledger {
  if (credits.length === 0) return ledger
  const next = new Map(ledger)
  for (const [address, ustx] of credits) {
    const { nonce, balanceUstx } = accountIn(next, address)
    next.set(address, { nonce, balanceUstx: balanceUstx + ustx })
  }
  return next
}

/** A mined transaction uses its nonce and pays its fee, whatever became of the call. */
export function charged(ledger: Ledger, address: string, feeUstx: bigint): Ledger {
  const { nonce, balanceUstx } = accountIn(ledger, address)
  return new Map(ledger).set(address, { nonce: nonce + 1, balanceUstx: balanceUstx - feeUstx })
}
