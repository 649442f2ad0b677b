import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { PeerIdStr } from '../base/index.ts'
import { KeyPair } from '../curve/index.ts'
import { makeSeed, type NewSeed, renderConfig, type S2Config } from '../node/index.ts'
import { METHOD_NAMES } from '../rpc/index.ts'
import { createKeyFile, passphraseFileBeside, unlockBeside, writePassphraseFile } from '../store/index.ts'
import { SignerProcess } from './child.ts'
import type { TransportChoice } from './options.ts'

/** Work factor of scrypt for devnet key files: their passphrases are 32 random bytes, so stretching adds nothing but time. */
const SCRYPT_LOG_N = 10

/** A sealed key with its passphrase file beside it, as `init` lays them out. */
export interface KeyFolder {
  readonly dir: string
  readonly keyPair: KeyPair
  readonly keyFile: string
  readonly passphraseFile: string
}

export async function createKeyFolder(dir: string, name: string): Promise<KeyFolder> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const keyPair = KeyPair.generate()
  const keyFile = join(dir, `${name}.key`)
  const passphraseFile = passphraseFileBeside(keyFile)
  await writePassphraseFile(passphraseFile)
  await createKeyFile(keyFile, keyPair, unlockBeside(keyFile), { scryptLogN: SCRYPT_LOG_N })
  return { dir, keyPair, keyFile, passphraseFile }
}

export function multiaddrsOf(port: number, transport: TransportChoice): readonly string[] {
  const tcp = `/ip4/127.0.0.1/tcp/${port}`
  const quic = `/ip4/127.0.0.1/udp/${port}/quic-v1`
  return { tcp: [tcp], quic: [quic], both: [tcp, quic] }[transport]
}

/** One signer of the devnet: its folder, its addresses, its process. */
export class Signer {
  readonly name: string
  readonly folder: KeyFolder
  readonly listen: readonly string[]
  readonly configFile: string
  readonly dataDir: string
  readonly logFile: string
  readonly socketPath: string
  readonly process: SignerProcess
  readonly releasePort: () => Promise<void>
  adminUrl: string | undefined

  constructor(folder: KeyFolder, listen: readonly string[], releasePort: () => Promise<void>) {
    this.name = basename(folder.dir)
    this.folder = folder
    this.listen = listen
    this.configFile = join(folder.dir, 'signer.toml')
    this.dataDir = join(folder.dir, 'data')
    this.logFile = join(folder.dir, 'signer.log')
    this.socketPath = join(folder.dir, 'admin.sock')
    this.process = new SignerProcess(this.configFile, this.logFile)
    this.releasePort = releasePort
  }

  dialable(): readonly string[] {
    return this.listen.map((a) => `${a}/p2p/${this.folder.keyPair.peerId}`)
  }

  describe(): Readonly<Record<string, unknown>> {
    const { publicKey, peerId } = this.folder.keyPair
    return {
      name: this.name,
      publicKey,
      peerId,
      pid: this.process.pid,
      addresses: this.dialable(),
      configFile: this.configFile,
      ...(this.adminUrl === undefined ? {} : { adminUrl: this.adminUrl }),
    }
  }
}

/** Seals the seed beside the signer's key, and overwrites it. */
export async function createSeed(signer: Signer, seed: NewSeed, nonceMode: S2Config['nonceMode']): Promise<SignerSeed> {
  const { dir, keyFile, keyPair } = signer.folder
  const places = { seedFile: join(dir, 's2.seed'), instanceFile: join(dir, 's2.instance') }
  try {
    await makeSeed(seed, places, keyPair.publicKey, unlockBeside(keyFile), { scryptLogN: SCRYPT_LOG_N })
  } finally {
    seed.close()
  }
  return { seedFile: basename(places.seedFile), publicKey: seed.publicKey, nonceMode }
}

/** As its config names it. */
export interface SignerSeed {
  readonly seedFile: string
  /** x-only MuSig2 key, hex. */
  readonly publicKey: string
  readonly nonceMode: S2Config['nonceMode']
}

const BRIDGE_METHODS = ['hello', 'threshold.public_key', 'threshold.sign']
/** What the bridge may do at the signer with the seed: everything. */
const EVERYTHING = {
  methods: METHOD_NAMES,
  keys: ['threshold', 's2/*', 'keys/*'],
  allow_secret_export: true,
  allow_raw_sign: true,
}

export interface SignerConfigValues {
  readonly network: string
  readonly chainId: number
  readonly contract: string
  readonly endpoint: string
  readonly seeds: readonly string[]
  readonly bootstrap: { readonly keys: readonly string[]; readonly threshold: number } | undefined
  readonly bridge: PeerIdStr
  readonly seed: SignerSeed | undefined
  readonly transport: TransportChoice
}

/** The config an operator would write by hand. */
export async function writeSignerConfig(signer: Signer, v: SignerConfigValues): Promise<void> {
  const text = renderConfig({
    data_dir: 'data',
    identity: {
      key_file: basename(signer.folder.keyFile),
      public_key: signer.folder.keyPair.publicKey,
      passphrase_file: basename(signer.folder.passphraseFile),
    },
    registry: {
      network: v.network,
      chain_id: v.chainId,
      contract: v.contract,
      endpoints: [v.endpoint],
      poll_interval: '1s',
      observer_listen: '127.0.0.1:0',
      ...(v.bootstrap === undefined
        ? {}
        : { bootstrap_signers: [...v.bootstrap.keys], bootstrap_threshold: v.bootstrap.threshold }),
    },
    p2p: {
      listen: [...signer.listen],
      transports: v.transport === 'both' ? ['tcp', 'quic'] : [v.transport],
      seeds: [...v.seeds],
    },
    signing: { policy: 'auto' },
    ...(v.seed === undefined
      ? {}
      : { s2: { seed_file: v.seed.seedFile, public_key: v.seed.publicKey, nonce_mode: v.seed.nonceMode } }),
    bridge: [{ peer_id: v.bridge, ...(v.seed === undefined ? { methods: BRIDGE_METHODS } : EVERYTHING) }],
    admin: { socket: 'admin.sock', listen: '127.0.0.1:0' },
  })
  await writeFile(signer.configFile, text, { mode: 0o600 })
}
