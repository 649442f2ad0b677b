import { CodedError, type PublicKey } from '../base/index.ts'
import { parsePublicKey } from '../curve/index.ts'
import { isCount } from './json.ts'
import { principalOf, requireMultisigSize } from './principal.ts'
import { sortKeys } from './set-hash.ts'
import type { RegistryId, RotateKeysCall, RotateKeysPlan, SignerSet } from './types.ts'

/** 10 STX. A rotation costs a fraction of one; a Stacks node that lies about fees must not empty the account. */
export const MAX_FEE_USTX = 10_000_000

const invalid = (why: string, data: Readonly<Record<string, unknown>> = {}) =>
  new CodedError('TX_INVALID_PLAN', `rotate-keys is not signed: ${why}`, data)

function requireKeys(what: string, keys: readonly PublicKey[]): void {
  for (const key of keys) {
    try {
      parsePublicKey(key)
    } catch (cause) {
      throw new CodedError(
        'TX_INVALID_PLAN',
        `rotate-keys is not signed: one of the ${what} is no point`,
        {},
        { cause },
      )
    }
  }
  if (new Set(keys).size !== keys.length) throw invalid(`one of the ${what} stands twice`)
}

/**
 * The new set as we would put it on chain. The wrapper checks neither points, duplicates nor order, so this
 * does. Throws `SET_TOO_LARGE_FOR_PRINCIPAL` (R3) or `TX_INVALID_PLAN`.
 */
export function requireRotatable({ newKeys, newThreshold, newAggregateKey }: RotateKeysCall): void {
  if (newKeys.length < 2) throw invalid('the new set has fewer than 2 keys')
  if (!Number.isInteger(newThreshold) || 2 * newThreshold <= newKeys.length || newThreshold > newKeys.length)
    throw invalid('the new threshold is not above half of the new keys, or above their number', { newThreshold })
  requireMultisigSize(newKeys.length, newThreshold)
  requireKeys('new keys', newKeys)
  requireKeys('aggregate keys', [newAggregateKey])
  if (sortKeys(newKeys).some((key, i) => key !== newKeys[i])) throw invalid('the new keys are not sorted')
}

/** Everything that must hold before a member puts its name to a plan. Throws as `requireRotatable`. */
export function requireSoundPlan(plan: RotateKeysPlan): void {
  requireMultisigSize(plan.signers.length, plan.signaturesRequired)
  requireKeys('current signers', plan.signers)
  requireRotatable(plan.call)
  if (!isCount(plan.nonce)) throw invalid('the nonce is not a whole number', { nonce: plan.nonce })
  if (!isCount(plan.feeUstx) || plan.feeUstx > MAX_FEE_USTX)
    throw invalid(`the fee is not between 0 and ${MAX_FEE_USTX} µSTX`, { feeUstx: plan.feeUstx })
}

/**
 * R3: that this plan spends from the account which the registry obeys, recomputed from keys and threshold. The wrapper
 * refuses every other sender (u201), after the fee is paid. Throws `TX_WRONG_PRINCIPAL`.
 */
export function requirePlanOf(registry: RegistryId, account: Pick<SignerSet, 'principal'>, plan: RotateKeysPlan): void {
  const principal = principalOf(registry.chainId, plan.signers, plan.signaturesRequired)
  if (principal !== account.principal)
    throw new CodedError(
      'TX_WRONG_PRINCIPAL',
      'the plan spends from another account than the current principal; build it from the current set in its list order',
      { principal, expected: account.principal },
    )
}
