import { CodedError, type PublicKey } from '../base/index.ts'
import type { Snapshot } from '../registry/index.ts'
import { isSuccession, type PendingSpec } from '../rounds/index.ts'

/**
 * R7: where a set names this operator's next key, that must come for its own one. Throws `NEXT_KEY_BESIDE_OLD`,
 * `NEXT_KEY_WITHOUT_OLD`.
 */
export function requireSuccession(
  spec: PendingSpec,
  self: PublicKey,
  next: PublicKey,
  registry: Snapshot['kind'],
): void {
  if (!spec.keys.includes(next)) return
  if (spec.keys.includes(self))
    throw new CodedError(
      'NEXT_KEY_BESIDE_OLD',
      `the set names both this node's key ${self} and its next key ${next}: one operator would hold two shares; take one of them out`,
    )
  if (registry === 'set' && isSuccession(spec, self, next)) return
  throw new CodedError(
    'NEXT_KEY_WITHOUT_OLD',
    `the set names this node's next key ${next}, which only a member of the current set can bring in: make it [identity] key_file, start again, then approve`,
  )
}
