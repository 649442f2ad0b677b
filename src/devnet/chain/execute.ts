import type { MinedTx } from './block.ts'
import { accountIn, charged, type Ledger } from './ledger.ts'
import type { SignedCall } from './parse-tx.ts'
import type { Vm } from './vm.ts'

/** Transactions per block. */
const MAX_TXS = 100
/** `(err none)`: what a call that broke off counts as. */
const ERR_NONE = '0809'

/** Executes what waits and is payable, each account's transactions in order of nonce, in order of arrival otherwise. */
export async function executeWaiting(
  vm: Vm,
  before: Ledger,
  waiting: readonly SignedCall[],
  vmHeightBefore: number,
): Promise<{ readonly mined: readonly MinedTx[]; readonly ledger: Ledger; readonly vmHeight: number }> {
  const mined: MinedTx[] = []
  const left = [...waiting]
  let ledger = before
  let vmHeight = vmHeightBefore
  while (mined.length < MAX_TXS) {
    const at = left.findIndex((tx) => isNext(tx, ledger))
    const [tx] = at === -1 ? [] : left.splice(at, 1)
    if (tx === undefined) break
    const executed = await execute(vm, tx)
    mined.push(executed.tx)
    vmHeight = executed.vmHeight
    ledger = charged(ledger, tx.origin, tx.feeUstx)
  }
  return { mined, ledger, vmHeight }
}

function isNext(tx: SignedCall, ledger: Ledger): boolean {
  const { nonce, balanceUstx } = accountIn(ledger, tx.origin)
  return tx.nonce === nonce && balanceUstx >= tx.feeUstx
}

/** A call is a block of the VM's own. */
export async function execute(vm: Vm, tx: SignedCall): Promise<{ readonly tx: MinedTx; readonly vmHeight: number }> {
  const outcome = await vm.request<'call'>({ kind: 'call', call: tx.call })
  const vmHeight = outcome.height
  if ('error' in outcome)
    return { tx: { tx, status: 'abort_by_response', result: ERR_NONE, events: [], vmError: outcome.error }, vmHeight }
  const { committed, result, events } = outcome
  const status = committed ? 'success' : 'abort_by_response'
  return { tx: { tx, status, result, events, vmError: undefined }, vmHeight }
}
