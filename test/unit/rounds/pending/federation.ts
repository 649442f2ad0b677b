import {
  asSetHash,
  type Clock,
  type Logger,
  type PublicKey,
  silentLogger,
  systemClock,
} from '../../../../src/base/index.ts'
import { KeyPair } from '../../../../src/curve/index.ts'
import { sealEnvelope } from '../../../../src/p2p/envelope.ts'
import { type Envelope, openEnvelope, topicName } from '../../../../src/p2p/index.ts'
import { pendingId, type RegistryId } from '../../../../src/registry/index.ts'
import {
  type AttemptLog,
  type AttemptRecord,
  type MakesKeys,
  openPendingSession,
  type PendingSession,
  type PendingSessionsInit,
  type PendingSpec,
} from '../../../../src/rounds/index.ts'
import { MemoryBus } from '../../../fixtures/bus.ts'
import { MemoryVault } from '../../../fixtures/vault.ts'

export const registryId: RegistryId = {
  network: 'devnet',
  chainId: 0x80000000,
  contract: 'SN3R84XZYA63QS28932XQF3G1J8R9PC3W76P9CSQS.sbtc-registry',
}

export interface Member {
  readonly key: KeyPair
  readonly publicKey: PublicKey
  readonly vault: MemoryVault
  /** Another one after `restart`. */
  session: PendingSession
}

/** New members, and one of the current set that leaves; all on one bus. */
export interface Federation {
  readonly spec: PendingSpec
  readonly bus: MemoryBus
  readonly members: readonly Member[]
  readonly leaving: Member
  /** kill −9, and a new process on the same disk, which begins keygen again. */
  restart(member: Member): void
  stop(): void
}

export function makeSpec(keys: readonly PublicKey[], currentKeys: readonly PublicKey[], threshold = 2): PendingSpec {
  const parentSetHash = asSetHash('77'.repeat(32))
  const sorted = keys.toSorted()
  return {
    id: pendingId({ registryId, parentSetHash, keys: sorted, threshold, attempt: 1 }),
    parentSetHash,
    keys: sorted,
    threshold,
    attempt: 1,
    currentKeys: currentKeys.toSorted(),
    currentThreshold: 2,
    principal: 'SN3R84XZYA63QS28932XQF3G1J8R9PC3W76P9CSQS',
  }
}

export function openFederation(
  size = 3,
  threshold = 2,
  {
    makeKey,
    logger = silentLogger,
    onAborted = () => {},
    clock = systemClock,
  }: {
    readonly clock?: Clock
    readonly makeKey?: MakesKeys
    readonly logger?: Logger
    readonly onAborted?: (member: PublicKey, ...told: Parameters<NonNullable<PendingSessionsInit['onAborted']>>) => void
  } = {},
): Federation {
  const bus = new MemoryBus()
  const pairs = Array.from({ length: size + 1 }, () => KeyPair.generate())
  const [outgoing, ...incoming] = pairs as [KeyPair, ...KeyPair[]]
  const keys = incoming.map((k) => k.publicKey)
  const spec = makeSpec(keys, [outgoing.publicKey, ...keys.slice(1)], threshold)
  const logs = new Map<PublicKey, AttemptLog>()
  const open = (key: KeyPair, vault: MemoryVault): PendingSession => {
    const log = logs.get(key.publicKey) ?? memoryLog()
    logs.set(key.publicKey, log)
    const session = openPendingSession(
      {
        network: registryId.network,
        self: key.publicKey,
        messenger: bus.messenger(key),
        vault,
        makeKey,
        clock,
        logger,
        onAborted: (...told) => onAborted(key.publicKey, ...told),
      },
      spec,
      undefined,
      log,
    )
    session.start()
    return session
  }
  const join = (key: KeyPair): Member => {
    const vault = new MemoryVault()
    return { key, publicKey: key.publicKey, vault, session: open(key, vault) }
  }
  const members = incoming.map(join)
  const leaving = join(outgoing)
  const restart = (member: Member) => {
    member.session.stop()
    bus.boot++
    member.session = open(member.key, member.vault)
    member.session.startKeygen()
  }
  const stop = () => [...members, leaving].forEach((m) => void m.session.stop())
  return { spec, bus, members, leaving, restart, stop }
}

function memoryLog(): AttemptLog {
  let last: AttemptRecord | undefined
  return {
    get last() {
      return last
    },
    save: async (record) => {
      last = record
    },
  }
}

/** Something else in the same envelope, signed by its author: what a member with its own software may say. */
export function respoken(f: Federation, author: KeyPair, e: Envelope): Envelope {
  const topic = { network: registryId.network, scope: f.spec.id, purpose: 'keygen' } as const
  const wire = sealEnvelope(author, topicName(topic), e)
  const fields = openEnvelope(topic, wire)
  if (fields === undefined) throw new Error('not an envelope')
  return { ...fields, topic, wire, via: 'gossip' }
}
