import type { PeerIdStr } from '../../base/index.ts'
import { configError } from './errors.ts'
import { coversKey, THRESHOLD_KEY } from './key-names.ts'
import type { BridgeGrant, NodeConfig } from './types.ts'

/** What a bridge asks with, and so votes with (R27). */
export const VOTING_METHOD = 'threshold.sign'

type Voting = Pick<NodeConfig, 'bridges'> & { readonly signing: Pick<NodeConfig['signing'], 'consent'> }

/** Of `consent_from`, who may not ask at all: its asking never counts. */
export const uncountedOf = ({ signing: { consent }, bridges }: Voting): readonly PeerIdStr[] =>
  (consent?.from ?? []).filter((peer) => !bridges.some((b) => b.peerId === peer && mayVote(b)))

const mayVote = ({ methods, keys }: BridgeGrant): boolean =>
  methods.includes(VOTING_METHOD) && coversKey(keys, THRESHOLD_KEY)

/** A node whose quorum can't be reached would start, look well and approve nothing. */
export function checkCounted(config: Voting, file: string): void {
  const { consent } = config.signing
  const uncounted = uncountedOf(config)
  if (consent === undefined || consent.from.length - uncounted.length >= consent.quorum) return
  const count = consent.from.length - uncounted.length
  throw configError(
    { file, section: 'signing', key: 'consent_from' },
    `lists ${count} of the ${consent.quorum} that consent_quorum asks for: ${uncounted.join(', ')} may not call ${VOTING_METHOD} by any [[bridge]], so nothing is signed`,
  )
}
