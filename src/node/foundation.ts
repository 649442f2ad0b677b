import { join } from 'node:path'
import { type Clock, CodedError, type Logger, type Startable, systemClock, zeroize } from '../base/index.ts'
import { curveChoice, type KeyPair } from '../curve/index.ts'
import { createRegistryWatcher, decodeSnapshot, probeRegistry, type RegistryWatcher } from '../registry/index.ts'
import { KnownSets } from '../rotation/index.ts'
import { PromMetrics } from '../status/index.ts'
import {
  fileJournal,
  fileKeeper,
  nextBoot,
  type OpenedKey,
  openKeyFile,
  openStore,
  type Store,
} from '../store/index.ts'
import type { KeyFileConfig, NodeConfig } from './config/index.ts'
import { announceCurve } from './curve-backend.ts'
import { type OperatorParts, openSeedOf, startOperatorParts } from './operator-parts.ts'
import { type OwnKeys, pickIdentity } from './pick-identity.ts'

/** What the rest of the node stands on: key, store, boot number, registry. */
export interface Foundation {
  readonly config: NodeConfig
  /** The key in use, one of `keys`. */
  readonly key: OpenedKey
  readonly keys: OwnKeys<OpenedKey>
  readonly store: Store
  readonly boot: number
  readonly watcher: RegistryWatcher
  /** The same under every key. */
  readonly operator: OperatorParts
  readonly metrics: PromMetrics
  readonly clock: Clock
  readonly logger: Logger
  /** Gives the store back and forgets the keys. */
  readonly close: () => Promise<void>
}

/**
 * Opens key and store, and looks at the chain once. A first start with an unreachable or wrong chain is an error to be
 * mended; later starts go on with the last good snapshot (incident 1).
 */
export async function openFoundation(
  config: NodeConfig,
  logger: Logger,
  onFatal: (error: Error) => void,
): Promise<Foundation> {
  const clock = systemClock
  const metrics = new PromMetrics()
  announceCurve(curveChoice, metrics, logger)
  // Before the store: a wrong key file must leave nothing behind.
  const own = await openKeyFile(config.identity.keyFile, config.identity.unlock, config.identity.publicKey)
  const next = await openNext(config.identity.next, own)
  const seed = await openSeedOf(config).catch((error: unknown) => {
    forget(own, next)
    throw error
  })
  const store = openStore({ dir: join(config.dataDir, 'store'), logger, onFatal })
  let operator: OperatorParts | undefined
  const close = async () => {
    try {
      await operator?.stop()
    } finally {
      forget(own, next)
      if (seed !== undefined) zeroize(seed.seed)
      await store.stop()
    }
  }
  try {
    const keeper = fileKeeper(join(config.dataDir, 'registry-snapshot.json'))
    const stored = await keeper.load()
    if (stored === undefined) await requireChain(config)
    const last = stored && decodeSnapshot(config.registry.id, stored, clock.now())
    const lastSet = typeof last === 'object' ? last : undefined
    const picked = pickIdentity(lastSet, { own: own.keyPair.publicKey, next: next?.keyPair.publicKey })
    const key = next?.keyPair.publicKey === picked ? next : own
    await store.start()
    const boot = await nextBoot(store.space('boot'), clock.now())
    const sets = store.space('sets')
    const known = await KnownSets.load({ self: key.keyPair.publicKey, registryId: config.registry.id, space: sets })
    const { id: registryId, endpoints, quorum, confirmations, pollIntervalMs, maxAgeMs } = config.registry
    const watcher = createRegistryWatcher({
      ...{ registryId, endpoints, quorum, confirmations, pollIntervalMs, maxAgeMs },
      audit: fileJournal(join(config.dataDir, 'registry-audit.jsonl')),
      knownTip: known.highestTip(),
      ...{ keeper, clock, logger, metrics },
    })
    operator = await startOperatorParts({
      config,
      key,
      keys: { own, next },
      seed,
      store,
      clock,
      logger,
      metrics,
      onFatal,
    })
    return { config, key, keys: { own, next }, store, boot, watcher, operator, metrics, clock, logger, close }
  } catch (error) {
    await close()
    throw error
  }
}

const forget = (...keys: readonly (OpenedKey | undefined)[]): void => {
  for (const key of keys) key?.keyPair.destroy()
}

async function openNext(next: KeyFileConfig | undefined, own: OpenedKey): Promise<OpenedKey | undefined> {
  try {
    return next && (await openKeyFile(next.keyFile, next.unlock, next.publicKey))
  } catch (error) {
    own.keyPair.destroy()
    throw error
  }
}

/** Throws `REGISTRY_UNUSABLE` naming file, setting and remedy if no quorum of the endpoints serves this registry. */
async function requireChain({ file, registry }: NodeConfig): Promise<void> {
  const probes = await probeRegistry(registry.id, registry.endpoints)
  const good = probes.filter((p) => p.ok).length
  const [bad] = probes.filter((p) => !p.ok)
  if (good >= registry.quorum || bad === undefined) return
  throw new CodedError(
    'REGISTRY_UNUSABLE',
    `${file}: [registry] endpoints: ${bad.message} (no earlier snapshot is stored, so this node can't start without the chain)`,
    { endpoint: bad.endpoint, reason: bad.code },
  )
}

/** The key that is to take the place of the one in use; undefined once it has. */
export const nextOf = ({
  key,
  keys,
}: Partial<Pick<Foundation, 'keys'>> & { readonly key: { readonly keyPair: KeyPair } }) =>
  keys?.own.keyPair === key.keyPair ? keys.next : undefined

/** A part that only has one of the two. */
export const part = ({ start = async () => {}, stop = async () => {} }: Partial<Startable>): Startable => ({
  start,
  stop,
})
