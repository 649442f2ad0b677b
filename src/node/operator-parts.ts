import { dirname, join } from 'node:path'
import { type Clock, fromHex, type Logger, type Metrics, StartStack, zeroize } from '../base/index.ts'
import { MAINNET_CHAIN_ID } from '../registry/index.ts'
import {
  chainThreads,
  type DurableKeyService,
  fileKeyBackend,
  keyService,
  type OpenAuditLog,
  type OpenedSeed,
  openAuditLog,
  openSeed,
  type StoredS2Service,
  s2Service,
} from '../signer/index.ts'
import type { OpenedKey, Store } from '../store/index.ts'
import type { NodeConfig } from './config/index.ts'
import { part } from './foundation.ts'
import { FreeSpace } from './free-space.ts'
import { type OperatorView, operatorMeters, viewOfOperator } from './operator-view.ts'
import type { OwnKeys } from './pick-identity.ts'
import { openServiceIdentity } from './service-identity.ts'

/** What belongs to the operator and not to one signer key: it outlives a move to the next one. */
export interface OperatorParts {
  /** undefined: the config names no seed. */
  readonly s2: StoredS2Service | undefined
  readonly keys: DurableKeyService
  readonly audit: OpenAuditLog
  /** False while a disk that is written to for clients is nearly full. */
  readonly hasRoom: () => boolean
  readonly view: () => OperatorView
  /** Sets the gauges by the view. */
  readonly look: () => void
  stop(): Promise<void>
}

/** Where decisions about requests are kept (docs/AUDIT.md). */
export const auditFolder = (dataDir: string): string => join(dataDir, 'audit')

export interface OperatorInit {
  readonly config: Pick<NodeConfig, 'dataDir' | 'registry' | 's2'>
  /** The key in use at the start. */
  readonly key: Pick<OpenedKey, 'keyPair'>
  readonly keys: OwnKeys<OpenedKey>
  /** As `openSeedOf` gave it; zeroed here. */
  readonly seed: OpenedSeed | undefined
  /** Started: only one process has it, so nobody else signs with its one-time secrets. */
  readonly store: Store
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly onFatal: (error: Error) => void
}

/** The config's seed, before anything is made: a wrong path must leave nothing behind (incident 20). Throws as `openSeed`. */
export async function openSeedOf({ s2 }: Pick<NodeConfig, 's2'>): Promise<OpenedSeed | undefined> {
  return s2 && (await openSeed(s2.seedFile, s2.unlock, s2.publicKey))
}

/** Throws what a start of the secret service throws: `S2_…`. */
export async function startOperatorParts(init: OperatorInit): Promise<OperatorParts> {
  const { config, key, logger } = init
  const s2 = createS2(init)
  const keys = await createKeys(init)
  const audit = await openAuditLog({ dir: auditFolder(config.dataDir), signer: key.keyPair, logger })
  // Decisions are recorded until the last one that makes them has stopped.
  const stack = new StartStack([part({ stop: () => audit.close() }), keys, ...(s2 === undefined ? [] : [s2])])
  try {
    await stack.start()
  } finally {
    if (init.seed !== undefined) zeroize(init.seed.seed)
  }
  const disk = new FreeSpace({ folders: foldersOf(config), logger, metrics: init.metrics })
  await disk.look()
  const parts = { s2, keys, audit, disk }
  const view = () => viewOfOperator(parts, config.s2)
  const setMeters = operatorMeters(init.metrics, view)
  const look = () => {
    void disk.look()
    setMeters()
  }
  return { s2, keys, audit, hasRoom: disk.hasRoom, view, look, stop: () => stack.stop() }
}

/** They may be on disks of their own. */
const foldersOf = ({ dataDir, s2 }: OperatorInit['config']): readonly string[] => [
  dataDir,
  auditFolder(dataDir),
  ...(s2?.journalFile === undefined ? [] : [dirname(s2.journalFile)]),
]

async function createKeys({ config, keys, store, clock, logger }: OperatorInit): Promise<DurableKeyService> {
  const { sealer, owner } = await openServiceIdentity(config.dataDir, keys)
  const backend = fileKeyBackend({ dir: join(config.dataDir, 'service-keys'), sealer, owner, logger })
  return keyService({ backend, space: store.space('service-keys'), clock, logger })
}

function createS2({ config, seed, store, logger, onFatal }: OperatorInit): StoredS2Service | undefined {
  const { s2 } = config
  if (s2 === undefined || seed === undefined) return undefined
  return s2Service({
    openSeed: () => Promise.resolve(seed.seed),
    expectedPublicKey: fromHex(s2.publicKey),
    nonceMode: s2.nonceMode,
    // The config's own rule, once more where it counts (R33).
    referenceAllowed: config.registry.id.chainId !== MAINNET_CHAIN_ID || s2.referenceRetired,
    importedNoncesFile: s2.importedNoncesFile,
    chains: (material, threadLogger) => chainThreads({ material, logger: threadLogger }),
    space: (name) => store.space(name),
    instanceFile: s2.instanceFile,
    journalFile: s2.journalFile,
    logger,
    onFatal,
  })
}
