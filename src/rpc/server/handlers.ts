import { asGroupKey, fromHex, type GroupKey, type PeerIdStr, type PublicKey, toHex, utf8 } from '../../base/index.ts'
import { publicKeyBytes } from '../../curve/index.ts'
import type { SignItem, SignResult, ThresholdService } from '../../signer/index.ts'
import { METHOD_NAMES, METHODS, type Params, type ResultInit, RPC_PROTOCOL, RpcError } from '../wire/index.ts'
import { SERVER_LIMITS } from './limits.ts'
import type { Authorize, Handler, Handlers } from './types.ts'

/** What hello says of the node at this moment. */
export interface NodeFacts {
  readonly peerId: PeerIdStr
  readonly publicKey: PublicKey
  readonly network: string
  /** Version of the software. */
  readonly software: string
  /** What the node waits for before it can serve threshold requests, one printable word or phrase each; empty = ready. */
  readonly waitingFor: readonly string[]
}

export interface HelloInit {
  readonly authorize: Authorize
  /** What the caller is to this node. */
  readonly roleOf: (peer: PeerIdStr) => string
  readonly facts: () => NodeFacts
}

/** `hello`: who we are, what the caller may do, under which limits. A refused peer never sees it. */
export function createHelloHandler(init: HelloInit): Handler<'hello'> {
  return async (_params, { peer }) => {
    const { peerId, publicKey, network, software, waitingFor } = init.facts()
    return {
      peerId,
      publicKey: publicKeyBytes(publicKey),
      network,
      role: init.roleOf(peer),
      ready: waitingFor.length === 0,
      waitingFor: [...waitingFor],
      methods: METHOD_NAMES.filter((m) => METHODS[m].right === 'admitted' || init.authorize(peer, m) === 'granted'),
      limits: { maxFrameBytes: SERVER_LIMITS.maxFrameBytes, maxInFlight: SERVER_LIMITS.maxInFlight },
      versions: { protocol: RPC_PROTOCOL, software },
    }
  }
}

/** `threshold.*` over the signer's service: shape in, outcome out, nothing decided here. */
export function createThresholdHandlers(
  service: ThresholdService,
): Pick<Handlers, 'threshold.public_key' | 'threshold.sign'> {
  return {
    'threshold.public_key': async (params) => {
      const key = service.publicKey(keyOf(params))
      if (!key.ok) throw new RpcError(key.reason)
      return { publicKey: fromHex(key.value) }
    },
    'threshold.sign': async (params, { peer, deadlineMs, signal }) => {
      const requestId = toHex(utf8(params.requestId))
      return signAnswer(await service.sign(peer, requestId, [itemOf(params)], deadlineMs, signal, keyOf(params)))
    },
  }
}

function signAnswer(result: SignResult): ResultInit<'threshold.sign'> {
  if (result.ok) {
    const [signature] = result.signatures
    if (signature === undefined) throw new RpcError('INTERNAL')
    return { signature }
  }
  throw new RpcError(result.code, { missing: result.missing, cheaters: result.cheaters })
}

const keyOf = ({ key }: Params<'threshold.public_key' | 'threshold.sign'>): GroupKey | undefined =>
  key === undefined ? undefined : asGroupKey(toHex(key))

function itemOf({ digest, tweak }: Params<'threshold.sign'>): SignItem {
  const kind = tweak?.kind
  switch (kind?.case) {
    case 'none':
      return { digest, tweak: { kind: 'none' } }
    case 'key':
      return { digest, tweak: { kind: 'key', merkleRoot: kind.value.merkleRoot ?? null } }
    default:
      // The shape requires a tweak; this would be a bug of ours, and must never become "no tweak".
      throw new RpcError('INTERNAL')
  }
}
