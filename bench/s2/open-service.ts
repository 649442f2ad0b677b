/** The whole secret service over a store on this machine's disk, in a folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '../../src/base/index.ts'
import { openS2Keys } from '../../src/crypto/index.ts'
import { curve, randomBytes, xOnly } from '../../src/curve/index.ts'
import { chainThreads, createInstanceFile, type StoredS2Service, s2Service } from '../../src/signer/index.ts'
import { openStore } from '../../src/store/index.ts'

/** As many as the targets are stated for. */
const THREADS = 2

export interface OpenService {
  readonly service: StoredS2Service
  /** Where it keeps what it keeps; goes with it. */
  readonly dir: string
  readonly seed: Uint8Array
  stop(): Promise<void>
}

/** Of a fresh seed, in native mode. */
export async function openService(withJournal: boolean): Promise<OpenService> {
  const dir = await mkdtemp(join(tmpdir(), 'bench-s2-'))
  const store = openStore({ dir: join(dir, 'data'), logger: silentLogger })
  await store.start()
  const seed = randomBytes(32)
  const instanceFile = join(dir, 'instance')
  await createInstanceFile(instanceFile, xOnly(curve.publicKeyOf(openS2Keys(seed).musig2)), true)
  const service = s2Service({
    space: (name) => store.space(name),
    instanceFile,
    journalFile: withJournal ? join(dir, 'journal') : undefined,
    logger: silentLogger,
    onFatal: (error) => {
      throw error
    },
    openSeed: async () => Uint8Array.from(seed),
    expectedPublicKey: undefined,
    nonceMode: 'native',
    referenceAllowed: false,
    importedNoncesFile: undefined,
    chains: (material, logger) => chainThreads({ material, logger, threads: THREADS }),
  })
  await service.start()
  const stop = async () => {
    await service.stop()
    await store.stop()
    await rm(dir, { recursive: true })
  }
  return { service, dir, seed, stop }
}
