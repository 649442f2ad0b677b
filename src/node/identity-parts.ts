import { describeError, type Startable, StartStack } from '../base/index.ts'
import type { ConnectionInfo } from '../p2p/index.ts'
import { createEvidence, type EvidenceParts } from './evidence-parts.ts'
import { type Foundation, part } from './foundation.ts'
import type { Liveness } from './liveness/index.ts'
import { createLiveness } from './liveness-parts.ts'
import { createNetwork, type NetworkParts } from './network-parts.ts'
import { createRpc } from './serving-parts.ts'
import { createSigning, type SigningParts } from './signing-parts.ts'

/** Everything that bears one key: PeerID and gate, shares and rounds, the server that bridges dial. */
export interface IdentityParts {
  /** With the key and boot number of this identity. */
  readonly base: Foundation
  readonly network: NetworkParts
  readonly signing: SigningParts
  readonly liveness: Liveness
  readonly evidence: EvidenceParts
  readonly links: Startable
  readonly rounds: Startable
}

/** `knownLinks`: of an identity before this one in the same process, whose addresses are still good. */
export async function createIdentityParts(
  base: Foundation,
  onFatal: (error: Error) => void,
  knownLinks: readonly ConnectionInfo[] = [],
): Promise<IdentityParts> {
  const { logger } = base
  // Where the other side dialled, its address is its own port's choice and no place to reach it.
  const dialled = knownLinks.filter((l) => l.direction === 'outbound')
  const network = createNetwork(
    base,
    dialled.map((l) => ({ peerId: l.peerId, address: l.remoteAddress })),
  )
  const evidence = await createEvidence(base, network)
  const signing = await createSigning(base, network, onFatal, evidence)
  const liveness = createLiveness(base, network, () => signing.activeKey() !== undefined)
  const { host, evictor } = network
  let stopListening = () => {}
  const recheck = part({
    start: async () => {
      stopListening = host.connectionOpened.on(({ peerId, direction }) => {
        liveness.greet()
        evictor
          .recheck(peerId, direction)
          .catch((error: unknown) => logger.error('Recheck failed', { error: describeError(error) }))
      })
    },
    stop: async () => stopListening(),
  })
  const { sign, recalled, recalls, certificates, threshold, reconciler, threads } = signing
  const rpc = createRpc(base, network, signing)
  return {
    ...{ base, network, signing, liveness, evidence },
    // Recalls before the watcher, and so stopped after it: every set that it shows is recorded.
    links: new StartStack([evidence.file, host, recheck, recalls]),
    rounds: new StartStack([
      ...[sign, recalled, certificates, liveness, evidence.exchange],
      // The reconciler gives its attempt up first; nobody ends the process before its thread has ended.
      part({ stop: () => threads.stop() }),
      ...[part({ stop: () => threshold.stop() }), reconciler, rpc],
    ]),
  }
}
