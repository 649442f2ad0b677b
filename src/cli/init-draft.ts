import { CodedError } from '../base/index.ts'
import type { ConfigDraft } from '../node/index.ts'
import type { Unlock } from '../store/index.ts'

/** Flags of `init` that become config. */
export interface InitFlags {
  readonly network: string
  readonly chainId?: number
  readonly contract?: string
  readonly endpoint?: readonly string[]
  readonly quorum?: number
  readonly listen?: readonly string[]
  readonly announce?: readonly string[]
  readonly seed?: readonly string[]
  readonly bootstrapSigner?: readonly string[]
  readonly bootstrapThreshold?: number
  readonly bridge?: readonly string[]
  readonly s2NonceMode?: string
}

export interface InitIdentity {
  readonly publicKey: string
  /** As they are to stand in the config. */
  readonly keyFile: string
  readonly unlock: Unlock
  /** The secret-service seed, where one is made. */
  readonly s2?: { readonly seedFile: string; readonly publicKey: string } | undefined
}

const MAINNET = 'mainnet'
const CHAIN_IDS: Readonly<Record<string, number>> = { [MAINNET]: 1 }
const OTHER_CHAIN_ID = 0x8000_0000
/** The registry of sBTC on mainnet. */
const MAINNET_CONTRACT = 'SM3VDXK3WZZSA84XXFKAFAF15NNZX32CTSG82JFQ4.sbtc-registry'
const LISTEN = ['/ip4/0.0.0.0/tcp/4700', '/ip4/0.0.0.0/udp/4700/quic-v1']
/** What a bridge needs for signatures; more is granted by hand. */
const BRIDGE_METHODS = ['threshold.public_key', 'threshold.sign']

/** The config that the flags ask for. Throws `USAGE` if a flag is missing. */
export function draftConfig(flags: InitFlags, { publicKey, keyFile, unlock, s2 }: InitIdentity): ConfigDraft {
  const contract = flags.contract ?? (flags.network === MAINNET ? MAINNET_CONTRACT : undefined)
  if (contract === undefined)
    throw missing('--contract', `the registry of ${JSON.stringify(flags.network)} is not known`)
  if (flags.endpoint === undefined) throw missing('--endpoint', 'the registry must be read from somewhere')
  return {
    data_dir: 'data',
    identity: {
      key_file: keyFile,
      public_key: publicKey,
      [unlock.kind === 'passphrase' ? 'passphrase_file' : 'identity_file']: unlock.file,
    },
    registry: {
      network: flags.network,
      chain_id: flags.chainId ?? CHAIN_IDS[flags.network] ?? OTHER_CHAIN_ID,
      contract,
      endpoints: flags.endpoint,
      quorum: flags.quorum,
      bootstrap_signers: flags.bootstrapSigner,
      bootstrap_threshold: flags.bootstrapThreshold,
    },
    p2p: {
      listen: flags.listen ?? LISTEN,
      announce: flags.announce,
      transports: transportsOf(flags),
      seeds: flags.seed,
    },
    ...(s2 === undefined
      ? {}
      : { s2: { seed_file: s2.seedFile, public_key: s2.publicKey, nonce_mode: flags.s2NonceMode } }),
    bridge: (flags.bridge ?? []).map((peer_id) => ({ peer_id, methods: BRIDGE_METHODS })),
  }
}

/** What is listened at is what is used. */
function transportsOf({ listen = LISTEN }: InitFlags): readonly string[] {
  const used = listen.map((address) => (address.includes('/udp/') ? 'quic' : 'tcp'))
  return [...new Set(used)]
}

const missing = (flag: string, why: string) => new CodedError('USAGE', `${flag} is missing: ${why}`)
