import { fromHex, type PeerIdStr, type PublicKey } from '../../../base/index.ts'
import { publicKeyBytes } from '../../../curve/index.ts'
import type { ActiveKey, NonceMode, PolicyKind } from '../../../signer/index.ts'
import { METHOD_NAMES, METHODS, type Method, RPC_PROTOCOL } from '../../wire/index.ts'
import { SERVER_LIMITS } from '../limits.ts'
import type { Authorize, Handler, Handlers } from '../types.ts'

/** What hello says of the node at this moment. */
export interface NodeFacts {
  readonly peerId: PeerIdStr
  readonly publicKey: PublicKey
  readonly network: string
  /** Version of the software. */
  readonly software: string
  /** What the node waits for before it can serve threshold requests, one printable word or phrase each; empty = ready. */
  readonly waitingFor: readonly string[]
  /** The key that the node moves to when the registry holds it (R7). */
  readonly nextPublicKey?: PublicKey | undefined
  /** Of the secret service; undefined = there is no seed. */
  readonly nonceMode?: NonceMode | undefined
}

export interface HelloInit {
  readonly authorize: Authorize
  /** What the caller is to this node. */
  readonly roleOf: (peer: PeerIdStr) => string
  readonly facts: () => NodeFacts
  /** Does this node serve the method at all? All, unless said. */
  readonly serves?: (method: Method) => boolean
}

/** `hello`: who we are, what the caller may do, under which limits. A refused peer never sees it. */
export function createHelloHandler(init: HelloInit): Handler<'hello'> {
  const { authorize, serves = () => true } = init
  return async (_params, { peer }) => {
    const { peerId, publicKey, network, software, waitingFor, nextPublicKey, nonceMode } = init.facts()
    const may = (method: Method): boolean => {
      const { right, key, exports } = METHODS[method]
      return right === 'admitted' || authorize(peer, method, { key: key?.fixed, exports, raw: false }) === 'granted'
    }
    return {
      peerId,
      publicKey: publicKeyBytes(publicKey),
      network,
      role: init.roleOf(peer),
      ready: waitingFor.length === 0,
      waitingFor: [...waitingFor],
      methods: METHOD_NAMES.filter((m) => serves(m) && may(m)),
      limits: {
        maxFrameBytes: SERVER_LIMITS.maxFrameBytes,
        maxInFlight: SERVER_LIMITS.maxInFlight,
        maxAnswerFrameBytes: SERVER_LIMITS.maxAnswerFrameBytes,
      },
      versions: { protocol: RPC_PROTOCOL, software },
      ...(nextPublicKey === undefined ? {} : { nextPublicKey: publicKeyBytes(nextPublicKey) }),
      ...(nonceMode === undefined ? {} : { nonceMode }),
    }
  }
}

/** What `health` and `threshold.status` say of the node at this moment. */
export interface StatusFacts extends Pick<NodeFacts, 'waitingFor'> {
  readonly policy: PolicyKind
  readonly active: ActiveKey | undefined
}

export function createStatusHandlers(facts: () => StatusFacts): Pick<Handlers, 'health' | 'threshold.status'> {
  const latest = unchanging()
  return {
    health: () => latest(facts()),
    'threshold.status': async () => {
      const now = facts()
      const { policy, active } = now
      const key = active && { publicKey: fromHex(active.groupKey), setHash: fromHex(active.setHash) }
      return { ...readiness(now), policy, ...key }
    },
  }
}

/** The same object as long as it says the same: clients ask often, and it seldom changes. */
function unchanging(): (facts: StatusFacts) => ReturnType<typeof readiness> {
  let last: ReturnType<typeof readiness> | undefined
  return (facts) => {
    const { waitingFor } = facts
    const isSame = last?.waitingFor.length === waitingFor.length && last.waitingFor.every((w, i) => w === waitingFor[i])
    if (last === undefined || !isSame) last = Object.freeze(readiness(facts))
    return last
  }
}

const readiness = ({ waitingFor }: Pick<NodeFacts, 'waitingFor'>): { ready: boolean; waitingFor: string[] } => ({
  ready: waitingFor.length === 0,
  waitingFor: [...waitingFor],
})
