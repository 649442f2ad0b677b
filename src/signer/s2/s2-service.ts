import { equalBytes, type Logger, toHex, zeroize } from '../../base/index.ts'
import {
  closeMusigKeys,
  closeS2Keys,
  type MusigKeys,
  openMusigKeys,
  openS2Keys,
  type Place,
  type S2Keys,
  stakePreimage,
} from '../../crypto/index.ts'
import type { ChainHasher, ChainMaterial } from './chain-hasher.ts'
import { S2Error, S2StateError } from './errors.ts'
import { importNonces } from './imported-nonces.ts'
import { S2Memory, type S2MemoryInit } from './memory.ts'
import { MusigSigner } from './musig-signer.ts'
import { placeOf } from './shapes.ts'
import type {
  MusigForm,
  MusigParams,
  MusigPartialItem,
  NonceMode,
  P2pScheme,
  S2Outcome,
  S2Service,
  SchnorrItem,
  SchnorrTarget,
  WotsJob,
} from './types.ts'
import { Wallets } from './wallets.ts'
import { WotsSigner } from './wots-signer.ts'

export interface S2ServiceInit extends S2MemoryInit {
  /** Opens the sealed seed, 32 bytes. They are zeroed here. */
  readonly openSeed: () => Promise<Uint8Array>
  /** What the config pins: the seed's MuSig2 key, x-only. A wrong path must never be a new identity. */
  readonly expectedPublicKey: Uint8Array | undefined
  readonly nonceMode: NonceMode
  /** Whether the config allows reference mode on this network (R33). */
  readonly referenceAllowed: boolean
  /** Nonces that another service has shown and that may be signed with here, in reference mode (docs/S2.md). */
  readonly importedNoncesFile: string | undefined
  readonly chains: (material: ChainMaterial, logger: Logger) => ChainHasher
}

/** The secret service with what its operator's commands need. */
export interface StoredS2Service extends S2Service {
  /** Answers once the service is started. */
  readonly memory: S2Memory
}

export const s2Service = (init: S2ServiceInit): StoredS2Service => new SeedService(init)

/** What stands while the service runs. */
interface Opened {
  readonly keys: S2Keys
  readonly musigKeys: MusigKeys
  readonly wallets: Wallets
  readonly musig: MusigSigner
  readonly chains: ChainHasher
  readonly wots: WotsSigner
}

class SeedService implements StoredS2Service {
  readonly nonceMode: NonceMode
  readonly memory: S2Memory
  readonly #init: S2ServiceInit
  #opened: Opened | undefined
  /** Calls under way. */
  readonly #calls = new Set<Promise<unknown>>()

  constructor(init: S2ServiceInit) {
    this.#init = init
    this.nonceMode = init.nonceMode
    this.memory = new S2Memory(init)
  }

  /** Throws `S2_SEED_OTHER_KEY`, `S2_REFERENCE_FORBIDDEN`, and what the memory and the threads throw. */
  async start(): Promise<void> {
    if (this.#opened !== undefined) return
    this.#requireModeAllowed()
    const keys = await this.#openKeys()
    const musigKeys = openMusigKeys(keys)
    let chains: ChainHasher | undefined
    try {
      this.#requirePinned(musigKeys.xOnly)
      chains = this.#init.chains(keys, this.#init.logger)
      await this.memory.start(musigKeys.xOnly)
      const musig = new MusigSigner(this.memory, this.nonceMode, musigKeys)
      await this.#importNonces(musig)
      await chains.start()
      const wots = new WotsSigner(this.memory, keys, musigKeys.xOnly, chains)
      this.#opened = { keys, musigKeys, wallets: new Wallets(keys), musig, chains, wots }
    } catch (error) {
      await Promise.allSettled([chains?.stop(), this.memory.stop()])
      closeKeys(keys, musigKeys)
      throw error
    }
  }

  async stop(): Promise<void> {
    const opened = this.#opened
    if (opened === undefined) return
    this.#opened = undefined
    await Promise.allSettled(this.#calls)
    try {
      await Promise.all([opened.chains.stop(), this.memory.stop()])
    } finally {
      closeKeys(opened.keys, opened.musigKeys)
    }
  }

  schnorrPublicKey(target: SchnorrTarget): Uint8Array {
    return this.#require().wallets.publicKey(target)
  }
  schnorrSign(target: SchnorrTarget, items: readonly SchnorrItem[]): Promise<readonly S2Outcome[]> {
    return this.#call(({ wallets }) => wallets.schnorrSign(target, items))
  }
  p2pPublicKey(scheme: P2pScheme): Uint8Array {
    return this.#require().wallets.publicKey(scheme)
  }
  p2pSign(scheme: P2pScheme, message: Uint8Array): Promise<Uint8Array> {
    return this.#call(async ({ wallets }) => wallets.p2pSign(scheme, message))
  }
  musigNonces(params: MusigParams, forms: readonly MusigForm[], signal?: AbortSignal): Promise<readonly S2Outcome[]> {
    return this.#call(({ musig }) => musig.nonces(params, forms, signal))
  }
  musigPartials(
    params: MusigParams,
    items: readonly MusigPartialItem[],
    signal?: AbortSignal,
  ): Promise<readonly S2Outcome[]> {
    return this.#call(({ musig }) => musig.partials(params, items, signal))
  }
  preimage(stake: Place): Promise<Uint8Array> {
    return this.#call(async ({ keys }) => stakePreimage(keys.preimageMaterial, placeOf(stake)))
  }
  wotsPublicKeys(jobs: readonly WotsJob[], signal?: AbortSignal): Promise<readonly Uint8Array[]> {
    return this.#call(({ wots }) => wots.publicKeys(jobs, signal))
  }
  wotsSecretKey(job: WotsJob): Promise<Uint8Array> {
    return this.#call(({ wots }) => wots.secretKey(job))
  }
  wotsSignature(job: WotsJob, message: Uint8Array): Promise<Uint8Array> {
    return this.#call(({ wots }) => wots.signature(job, message))
  }

  #require(): Opened {
    if (this.#opened === undefined) throw new S2Error('STOPPED', 'the secret service is not running; ask again')
    return this.#opened
  }

  /** `stop` waits for what has begun: keys are zeroed when nobody computes with them any more. */
  async #call<T>(work: (opened: Opened) => Promise<T>): Promise<T> {
    const call = work(this.#require())
    this.#calls.add(call)
    try {
      return await call
    } finally {
      this.#calls.delete(call)
    }
  }

  async #openKeys(): Promise<S2Keys> {
    const seed = await this.#init.openSeed()
    try {
      return openS2Keys(seed)
    } finally {
      zeroize(seed)
    }
  }

  #requireModeAllowed(): void {
    if (this.nonceMode === 'native' || this.#init.referenceAllowed) return
    throw new S2StateError(
      'S2_REFERENCE_FORBIDDEN',
      'nonces of reference mode are safe only while no other service signs with this seed: set reference_retired = true when the last one is switched off',
    )
  }

  #requirePinned(found: Uint8Array): void {
    const { expectedPublicKey: expected } = this.#init
    if (expected === undefined || equalBytes(expected, found)) return
    const [expectedHex, foundHex] = [toHex(expected), toHex(found)]
    throw new S2StateError(
      'S2_SEED_OTHER_KEY',
      `the config expects the seed with the key ${expectedHex}, and the seed file holds the one with ${foundHex}; correct seed_file or public_key`,
      { expected: expectedHex, found: foundHex },
    )
  }

  async #importNonces(musig: MusigSigner): Promise<void> {
    const { importedNoncesFile: path, logger } = this.#init
    if (path === undefined || this.nonceMode !== 'reference') return
    const { listed, added } = await importNonces(path, this.memory, (params, form) => musig.bindingKey(params, form))
    logger.info('nonces that another service has shown may be signed with here', { path, listed, added })
  }
}

function closeKeys(keys: S2Keys, musigKeys: MusigKeys): void {
  closeMusigKeys(musigKeys)
  closeS2Keys(keys)
}
