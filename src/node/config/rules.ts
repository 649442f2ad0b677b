import { isIPv4 } from 'node:net'
import { join } from 'node:path'
import { CodedError, type PeerIdStr, type PublicKey } from '../../base/index.ts'
import { peerIdOfKey } from '../../curve/index.ts'
import type { NatInit, RelayAddress } from '../../p2p/index.ts'
import { MAINNET_CHAIN_ID } from '../../registry/index.ts'
import { checkSocketPath } from '../../status/index.ts'
import type { Unlock } from '../../store/index.ts'
import { configError, type Place } from './errors.ts'
import type { NodeAddress } from './multiaddr.ts'
import type { CheckedFile } from './schema.ts'
import type { HostPort, KeyFileConfig, NodeConfig, SetSpec, ValidatorConfig } from './types.ts'

type Section<S extends keyof CheckedFile['sections']> = CheckedFile['sections'][S]
const MAINNET = 'mainnet'

/** Exactly one way to open the key: two could disagree. */
export function unlockOf(identity: Section<'identity'>, file: string): Unlock {
  const { key_file, passphrase_file, identity_file } = identity
  const at = { file, section: 'identity' }
  if ((passphrase_file === undefined) === (identity_file === undefined))
    throw configError(at, 'must have exactly one of passphrase_file and identity_file')
  if (key_file === (passphrase_file ?? identity_file))
    throw configError({ ...at, key: 'key_file' }, 'names the same file as what opens it: they are two files')
  return passphrase_file !== undefined
    ? { kind: 'passphrase', file: passphrase_file }
    : { kind: 'identity', file: identity_file ?? '' }
}

/** R7: a next key is named whole or not at all, pinned, and another than the one in use. */
export function nextKeyOf(identity: Section<'identity'>, unlock: Unlock, file: string): KeyFileConfig | undefined {
  const { next_key_file, next_public_key, next_passphrase_file, next_identity_file } = identity
  const at = (key: string) => ({ file, section: 'identity', key })
  if (next_key_file === undefined) {
    const alone = Object.entries({ next_public_key, next_passphrase_file, next_identity_file })
    for (const [key, value] of alone)
      if (value !== undefined)
        throw configError(at(key), 'means nothing without next_key_file: add it, or take this out')
    return undefined
  }
  if (next_public_key === undefined)
    throw configError(
      at('next_public_key'),
      'is missing beside next_key_file: a wrong path must not become an identity',
    )
  if (next_public_key === identity.public_key)
    throw configError(at('next_public_key'), 'is the key in use: a next key is another one')
  if (next_passphrase_file !== undefined && next_identity_file !== undefined)
    throw configError(at('next_identity_file'), 'stands beside next_passphrase_file: one of them opens next_key_file')
  const nextUnlock: Unlock =
    next_passphrase_file !== undefined
      ? { kind: 'passphrase', file: next_passphrase_file }
      : next_identity_file !== undefined
        ? { kind: 'identity', file: next_identity_file }
        : unlock
  if ([identity.key_file, nextUnlock.file, unlock.file].includes(next_key_file))
    throw configError(at('next_key_file'), 'names a file that is something else here already')
  return { keyFile: next_key_file, publicKey: next_public_key, unlock: nextUnlock }
}

/** Name, chain id and address class must mean one network: a mixture gates by the wrong chain. */
export function checkNetwork({ network, chain_id, contract }: Section<'registry'>, file: string): void {
  const at = { file, section: 'registry' }
  const onMainnet = chain_id === MAINNET_CHAIN_ID
  if ((network === MAINNET) !== onMainnet)
    throw configError(
      { ...at, key: 'chain_id' },
      `and network don't fit: chain id ${MAINNET_CHAIN_ID} is "${MAINNET}" and only that`,
    )
  if (/^S[PM]/.test(contract) !== onMainnet)
    throw configError(
      { ...at, key: 'contract' },
      `is of another network: addresses begin with ${onMainnet ? 'SP or SM on mainnet' : 'ST or SN outside mainnet'}`,
    )
}

/** R4. */
export function quorumOf({ endpoints, quorum, chain_id }: Section<'registry'>, file: string): number {
  const at = { file, section: 'registry', key: 'quorum' }
  const n = endpoints.length
  const least = Math.floor(n / 2) + 1
  const chosen = quorum ?? least
  if (chosen > n)
    throw configError(
      at,
      `is ${chosen}, but only ${n === 1 ? '1 endpoint is' : `${n} endpoints are`} listed: list more, or lower it`,
    )
  if (2 * chosen <= n) throw configError(at, `must be more than half of the ${n} endpoints: at least ${least}`)
  if (chain_id === MAINNET_CHAIN_ID && chosen < 2)
    throw configError(at, 'must be at least 2 on mainnet: list two or more endpoints, run by different people')
  return chosen
}

/** R5: one read that is missed must not make the registry stale. */
export function checkMaxAge({ max_age, poll_interval }: Section<'registry'>, file: string): void {
  if (max_age < 2 * poll_interval)
    throw configError(
      { file, section: 'registry', key: 'max_age' },
      'must be at least twice poll_interval: the registry would be stale between two reads',
    )
}

/** What any set must fulfil that this node could help to make (R3); the list itself was checked before. */
export function checkSet(keys: readonly PublicKey[], threshold: number, at: Place): SetSpec {
  const n = keys.length
  if (threshold > n) throw configError(at, `is ${threshold}, but only ${n} keys are listed`)
  if (2 * threshold <= n)
    throw configError(at, `must be more than half of the ${n} keys: at least ${Math.floor(n / 2) + 1}`)
  return { keys: [...keys].sort(), threshold }
}

/** R6: a first set is named whole or not at all. */
export function bootstrapOf(registry: Section<'registry'>, file: string): SetSpec | undefined {
  const { bootstrap_signers: keys, bootstrap_threshold: threshold } = registry
  const at = { file, section: 'registry' }
  if (keys === undefined && threshold === undefined) return undefined
  if (keys === undefined)
    throw configError({ ...at, key: 'bootstrap_signers' }, 'is missing beside bootstrap_threshold')
  if (threshold === undefined)
    throw configError({ ...at, key: 'bootstrap_threshold' }, 'is missing beside bootstrap_signers')
  return checkSet(keys, threshold, { ...at, key: 'bootstrap_threshold' })
}

export function checkTransports({ listen, transports }: Section<'p2p'>, file: string): void {
  const wrong = listen.findIndex((a) => !transports.includes(a.transport))
  if (wrong >= 0)
    throw configError(
      { file, section: 'p2p', key: `listen[${wrong}]` },
      `uses ${listen[wrong]?.transport}, which is not in transports: add it there, or take the address out`,
    )
}

/** Addresses with whose they are; the reader has seen to it that each says so. */
const relaysOf = (addresses: readonly NodeAddress[]): readonly RelayAddress[] =>
  addresses.flatMap(({ text: address, peerId }) => (peerId === undefined ? [] : [{ address, peerId }]))

/** Undefined: no relay protocol at all. A node must be reachable in one way or the other. */
export function natOf(
  { listen, transports }: Section<'p2p'>,
  nat: Section<'p2p.nat'>,
  ownKeys: readonly PublicKey[],
  file: string,
): NatInit | undefined {
  const at = { file, section: 'p2p.nat' }
  const relays = relaysOf(nat.relays)
  if (listen.length === 0 && relays.length === 0)
    throw configError(
      { file, section: 'p2p', key: 'listen' },
      'must list an address, unless relays under [p2p.nat] say where this node is reached',
    )
  const unusable = nat.relays.findIndex((r) => !transports.includes(r.transport))
  if (unusable >= 0)
    throw configError(
      { ...at, key: `relays[${unusable}]` },
      `uses ${nat.relays[unusable]?.transport}, which is not in [p2p] transports: add it there, or take the relay out`,
    )
  const ownPeers = ownKeys.map(peerIdOfKey)
  const own = relays.findIndex((r) => ownPeers.includes(r.peerId))
  if (own >= 0)
    throw configError(
      { ...at, key: `relays[${own}]` },
      'is this node itself: a relay is another member, with a public address',
    )
  const isActive = nat.relay_server || relays.length > 0
  if (nat.hole_punching && !isActive)
    throw configError({ ...at, key: 'hole_punching' }, 'works on relayed links only: it needs relays or relay_server')
  return isActive ? { relayServer: nat.relay_server, relays, holePunching: nat.hole_punching } : undefined
}

/** A node that refused its own key would be cut off by a slip, and in no other way noticed. */
export function checkDeny({ deny }: Section<'p2p'>, ownKeys: readonly PublicKey[], file: string): void {
  const ownPeers = ownKeys.map(peerIdOfKey)
  const own = deny.findIndex((peer) => ownPeers.includes(peer))
  if (own >= 0)
    throw configError({ file, section: 'p2p', key: `deny[${own}]` }, "is this node's own key: take it out of the list")
}

/** R11, as far as a config can tell; the chain's own answer is asked again at start. */
export function checkSigning(signing: Section<'signing'>, registry: Section<'registry'>, file: string): void {
  const at = { file, section: 'signing' }
  if (signing.policy === 'auto' && registry.chain_id === MAINNET_CHAIN_ID)
    throw configError(
      { ...at, key: 'policy' },
      '"auto" signs whatever is asked and is refused on mainnet: use "bridge"',
    )
}

/** R27: a quorum is of bridges that are named, and only policy "bridge" counts them. */
export function consentOf(
  { policy, consent_from: from, consent_quorum: quorum }: Section<'signing'>,
  file: string,
): NodeConfig['signing']['consent'] {
  const at = (key: string) => ({ file, section: 'signing', key })
  if (from === undefined) {
    if (quorum > 1) throw configError(at('consent_quorum'), `is ${quorum}: list in consent_from whose asking counts`)
    return undefined
  }
  if (policy !== 'bridge')
    throw configError(at('consent_from'), 'means something under policy "bridge" only: take it out')
  if (quorum > from.length)
    throw configError(
      at('consent_quorum'),
      `is ${quorum}, but consent_from lists only ${from.length}: nothing is signed`,
    )
  return { from, quorum }
}

/** Policy "http" needs a validator; what decides what is signed must not be anyone on the way. */
export function validatorOf(
  { policy }: Section<'signing'>,
  { url, timeout, token_file, allow_plain_http }: Section<'signing.http'>,
  file: string,
): ValidatorConfig | undefined {
  const at = (key: string) => ({ file, section: 'signing.http', key })
  if (url === undefined) {
    if (policy === 'http') throw configError(at('url'), 'is missing: policy "http" asks there')
    if (token_file !== undefined) throw configError(at('token_file'), 'means nothing without url: take it out')
    return undefined
  }
  const { protocol, hostname } = new URL(url)
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  if (protocol === 'http:' && !isLoopback({ host, port: 0 }) && !allow_plain_http)
    throw configError(at('url'), 'is http beyond this machine: use https, or set allow_plain_http = true')
  // An operator who believes that a validator decides, and none is asked, signs what he did not mean to.
  if (policy !== 'http')
    throw configError(at('url'), `means something under policy "http" only, and policy is "${policy}": take one out`)
  return { url, timeoutMs: timeout, tokenFile: token_file }
}

/** R1: a key is one of signer, bridge and backup, so that no role lends another its rights. */
export function backupsOf(
  backups: CheckedFile['lists']['backup'],
  bridges: CheckedFile['lists']['bridge'],
  signers: readonly PublicKey[],
  file: string,
): readonly PeerIdStr[] {
  const ofSigners = new Set<PeerIdStr>(signers.map(peerIdOfKey))
  const seen = new Set<PeerIdStr>()
  return backups.map(({ peer_id }, index) => {
    const at = { file, section: 'backup', index, key: 'peer_id' }
    if (ofSigners.has(peer_id)) throw configError(at, "is a signer's: a backup service has a key of its own")
    if (bridges.some((b) => b.peer_id === peer_id))
      throw configError(at, "is a bridge's, too: a backup service has a key of its own")
    if (seen.has(peer_id)) throw configError(at, 'stands in two entries: take one out')
    seen.add(peer_id)
    return peer_id
  })
}

/** Name of the admin socket in data_dir where the config names none. */
export const DEFAULT_SOCKET = 'admin.sock'
export const socketPathOf = (dataDir: string, socket: string | undefined): string =>
  socket ?? join(dataDir, DEFAULT_SOCKET)

/** R40: what is reachable from elsewhere asks for a token. */
export function checkAdmin({ listen, token_file }: Section<'admin'>, socketPath: string, file: string): void {
  const at = { file, section: 'admin' }
  try {
    checkSocketPath(socketPath)
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    throw new CodedError(error.code, `${file}: ${error.message}`, { ...error.data, file, key: 'admin.socket' })
  }
  if (listen === undefined) return
  if (['0.0.0.0', '::'].includes(listen.host))
    throw configError({ ...at, key: 'listen' }, 'must name one address: requests are checked against it')
  if (!isLoopback(listen) && token_file === undefined)
    throw configError(
      { ...at, key: 'token_file' },
      'is missing: listen is beyond loopback, so callers must show a token',
    )
}

const isLoopback = ({ host }: HostPort): boolean =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
