import { CodedError, type PeerIdStr } from '../../base/index.ts'
import { parsePeerId, parsePublicKey, peerIdOfKey } from '../../curve/index.ts'
import { canonicalAddress } from '../../p2p/index.ts'

/** Wrong arguments of `connect`: thrown before anything is dialled. */
export class ConnectError extends CodedError<'BAD_ADDRESS' | 'BAD_KEY'> {}

/** A server that is trusted, and where it is looked for. */
export interface Server {
  readonly peerId: PeerIdStr
  /** Multiaddrs without the server's own `/p2p/<PeerID>`. */
  readonly addresses: readonly string[]
}

/** An operator has an active server, a standby or two, and the next keys of each; more is a mistake. */
const MAX_SIGNERS = 16

/**
 * The servers that `addresses` and `signers` name, most preferred first. Throws ConnectError if they name none, or if they
 * leave open who may answer: a client that dials whoever answers would show its requests to a stranger.
 */
export function serversOf(addresses: readonly string[], signers: readonly string[] | undefined): readonly Server[] {
  if (addresses.length === 0) throw new ConnectError('BAD_ADDRESS', 'no address given: pass at least one multiaddr')
  const places = addresses.map(placeOf)
  const named = [...new Set(places.map((p) => p.peerId).filter((id) => id !== undefined))]
  if (signers === undefined && named.length > 1)
    throw new ConnectError('BAD_ADDRESS', 'the addresses name several servers: list those you trust in signers', {
      servers: named,
    })
  const trusted = signers === undefined ? named : [...new Set(signers.map(peerIdOfSigner))]
  if (trusted.length === 0)
    throw new ConnectError(
      'BAD_ADDRESS',
      'no address ends in /p2p/<PeerID>: add it, or name the server you expect (`signer`; on the command line --signer)',
    )
  if (trusted.length > MAX_SIGNERS)
    throw new ConnectError('BAD_ADDRESS', `more than ${MAX_SIGNERS} signers are given: name those of one operator`)
  const stranger = named.find((id) => !trusted.includes(id))
  if (stranger !== undefined)
    throw new ConnectError('BAD_ADDRESS', 'an address names a server that is none of the expected signers', {
      server: stranger,
    })
  return trusted.map((peerId) => {
    const own = places.filter((p) => p.peerId === undefined || p.peerId === peerId)
    // A signer that no address names is looked for at all of them: whoever else is there can't answer with its key.
    return { peerId, addresses: [...new Set((own.length > 0 ? own : places).map((p) => p.address))] }
  })
}

/** A multiaddr without the PeerID that it ends in, and that PeerID. Throws ConnectError if it isn't one of a secp256k1 key. */
function placeOf(address: string): { readonly address: string; readonly peerId: PeerIdStr | undefined } {
  const [suffix, text] = /\/p2p\/([^/]+)\/?$/.exec(address) ?? []
  if (suffix === undefined || text === undefined) return { address: placeIn(address, address), peerId: undefined }
  const peerId = parsed(() => parsePeerId(text), `${address} ends in something that is not a PeerID of a secp256k1 key`)
  return { address: placeIn(address.slice(0, -suffix.length), address), peerId }
}

/** Here, because a dialler only passes over what it can't read: the caller would hear that nobody answers. */
function placeIn(place: string, address: string): string {
  const canonical = parsed(
    () => canonicalAddress(place),
    `${JSON.stringify(address)} is no multiaddr: write it like /ip4/10.0.0.7/tcp/4700/p2p/<PeerID>, or with /dns4/<name>`,
  )
  if (/\/tcp\/|\/quic-v1/.test(canonical)) return canonical
  throw new ConnectError('BAD_ADDRESS', `${JSON.stringify(address)} says neither /tcp/<port> nor /udp/<port>/quic-v1`)
}

const peerIdOfSigner = (signer: string): PeerIdStr =>
  parsed(
    () => (/^0[23]/.test(signer) ? peerIdOfKey(parsePublicKey(signer)) : parsePeerId(signer)),
    'an expected signer is neither a public key (66 lower-case hex digits) nor a PeerID (16Uiu2HA…)',
  )

function parsed<T>(parse: () => T, message: string): T {
  try {
    return parse()
  } catch (cause) {
    throw new ConnectError('BAD_ADDRESS', message, {}, { cause })
  }
}
