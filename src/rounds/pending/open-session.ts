import type { Clock, Logger, PublicKey } from '../../base/index.ts'
import type { KeyPair } from '../../curve/index.ts'
import type { Messenger } from '../../p2p/index.ts'
import type { ShareVault } from '../../signer/index.ts'
import { DefaultKeygenRunner } from '../drivers/keygen-runner.ts'
import type { MakesKeys } from '../drivers/keygen-threads.ts'
import type { KeygenAbort } from '../keygen/index.ts'
import { encodeCarrier, isSuccession } from './carrier.ts'
import type { Carry } from './carrier-book.ts'
import { DefaultPendingSession } from './session.ts'
import type { PendingSession } from './session.types.ts'
import type { AttemptLog, PendingSpec, VerifiedProposal } from './types.ts'
import { proposalVerifier } from './verify-proposal.ts'

export interface PendingSessionsInit {
  readonly network: string
  readonly self: PublicKey
  readonly messenger: Messenger
  readonly vault: ShareVault
  /** This operator's next key, if it has one. */
  readonly next?: NextIdentity | undefined
  /** Left out: nobody is carried over another's link. */
  readonly carry?: Carry | undefined
  /** Told how every keygen attempt failed. */
  readonly onAborted?: ((spec: PendingSpec, reason: KeygenAbort) => void) | undefined
  /** Where keys of large sets are made; left out: on the event loop. */
  readonly makeKey?: MakesKeys | undefined
  readonly clock: Clock
  readonly logger: Logger
}

/** A key that is to take `self`'s place when the chain holds it (R7). */
export interface NextIdentity {
  readonly publicKey: PublicKey
  /** Speaks with that key over this node's links. */
  readonly messenger: Messenger
  /** Keeps that key's shares. */
  readonly vault: ShareVault
  /** The key of `self`, for the statement of both. */
  readonly carrier: Pick<KeyPair, 'publicKey' | 'sign'>
}

/** Everything that is said and made for one pending set: approvals, keygen, proposal, co-signatures. */
export function openPendingSession(
  init: PendingSessionsInit,
  spec: PendingSpec,
  known?: VerifiedProposal,
  attempts?: AttemptLog,
): PendingSession {
  const topic = { network: init.network, scope: spec.id, purpose: 'keygen' } as const
  const next = init.next && isSuccession(spec, init.self, init.next.publicKey) ? init.next : undefined
  const dealer = next === undefined ? init : { ...init, ...next, self: next.publicKey }
  return new DefaultPendingSession({
    ...init,
    spec,
    known,
    next: next && { ...next, statement: encodeCarrier(topic, next.carrier, next.publicKey) },
    carry: init.carry ?? (() => () => {}),
    keygen: (events) => new DefaultKeygenRunner({ ...dealer, ...events, spec, topic, attempts }),
    verifyProposal: proposalVerifier(spec, topic),
  })
}
