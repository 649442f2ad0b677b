import { CodedError, type PeerIdStr } from '../../base/index.ts'
import { parsePeerId, parsePublicKey, peerIdOfKey } from '../../curve/index.ts'

/** Wrong arguments of `connect`: thrown before anything is dialled. */
export class ConnectError extends CodedError<'BAD_ADDRESS' | 'BAD_KEY'> {}

/**
 * The one server that `addresses` and `signer` name. Throws ConnectError if they name none, or more than one: a client that
 * dials whoever answers would show its requests to a stranger.
 */
export function serverOf(addresses: readonly string[], signer: string | undefined): PeerIdStr {
  if (addresses.length === 0) throw new ConnectError('BAD_ADDRESS', 'no address given: pass at least one multiaddr')
  const named = new Set(addresses.map(peerIdIn).filter((id) => id !== undefined))
  if (signer !== undefined) named.add(peerIdOfSigner(signer))
  const [server, other] = named
  if (server === undefined)
    throw new ConnectError('BAD_ADDRESS', 'no address ends in /p2p/<PeerID>: add it, or pass the signer you expect')
  if (other !== undefined)
    throw new ConnectError('BAD_ADDRESS', 'the addresses and the expected signer name different servers', {
      servers: [...named],
    })
  return server
}

/** The PeerID that an address ends in. Throws ConnectError if it isn't one of a secp256k1 key. */
function peerIdIn(address: string): PeerIdStr | undefined {
  const text = /\/p2p\/([^/]+)$/.exec(address)?.[1]
  if (text === undefined) return undefined
  return parsed(() => parsePeerId(text), `${address} ends in something that is not a PeerID of a secp256k1 key`)
}

const peerIdOfSigner = (signer: string): PeerIdStr =>
  parsed(
    () => (/^0[23]/.test(signer) ? peerIdOfKey(parsePublicKey(signer)) : parsePeerId(signer)),
    'the expected signer is neither a public key (66 lower-case hex digits) nor a PeerID (16Uiu2HA…)',
  )

function parsed(parse: () => PeerIdStr, message: string): PeerIdStr {
  try {
    return parse()
  } catch (cause) {
    throw new ConnectError('BAD_ADDRESS', message, {}, { cause })
  }
}
