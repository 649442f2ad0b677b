import type { Clock, Logger, PublicKey } from '../../base/index.ts'
import type { Messenger } from '../../p2p/index.ts'
import type { ShareVault } from '../../signer/index.ts'
import { DefaultKeygenRunner } from '../drivers/keygen-runner.ts'
import { DefaultPendingSession } from './session.ts'
import type { PendingSession } from './session.types.ts'
import type { ConfirmedMark, PendingSpec, VerifiedProposal } from './types.ts'
import { proposalVerifier } from './verify-proposal.ts'

export interface PendingSessionsInit {
  readonly network: string
  readonly self: PublicKey
  readonly messenger: Messenger
  readonly vault: ShareVault
  readonly clock: Clock
  readonly logger: Logger
}

/** Everything that is said and made for one pending set: approvals, keygen, proposal, co-signatures. */
export function openPendingSession(
  init: PendingSessionsInit,
  spec: PendingSpec,
  known?: VerifiedProposal,
  confirmed?: ConfirmedMark,
): PendingSession {
  const topic = { network: init.network, scope: spec.id, purpose: 'keygen' } as const
  return new DefaultPendingSession({
    ...init,
    spec,
    known,
    keygen: (events) => new DefaultKeygenRunner({ ...init, ...events, spec, topic, confirmed }),
    verifyProposal: proposalVerifier(spec, topic),
  })
}
