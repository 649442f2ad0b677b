import { asSetHash, type PublicKey, silentLogger, systemClock } from '../../../../src/base/index.ts'
import { KeyPair } from '../../../../src/curve/index.ts'
import { sealEnvelope } from '../../../../src/p2p/envelope.ts'
import { type Envelope, openEnvelope, topicName } from '../../../../src/p2p/index.ts'
import { pendingId, type RegistryId } from '../../../../src/registry/index.ts'
import {
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
  readonly session: PendingSession
}

/** New members, and one of the current set that leaves; all on one bus. */
export interface Federation {
  readonly spec: PendingSpec
  readonly bus: MemoryBus
  readonly members: readonly Member[]
  readonly leaving: Member
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
    onAborted = () => {},
  }: {
    readonly makeKey?: MakesKeys
    readonly onAborted?: (member: PublicKey, ...told: Parameters<NonNullable<PendingSessionsInit['onAborted']>>) => void
  } = {},
): Federation {
  const bus = new MemoryBus()
  const pairs = Array.from({ length: size + 1 }, () => KeyPair.generate())
  const [outgoing, ...incoming] = pairs as [KeyPair, ...KeyPair[]]
  const keys = incoming.map((k) => k.publicKey)
  const spec = makeSpec(keys, [outgoing.publicKey, ...keys.slice(1)], threshold)
  const join = (key: KeyPair): Member => {
    const vault = new MemoryVault()
    const session = openPendingSession(
      {
        network: registryId.network,
        self: key.publicKey,
        messenger: bus.messenger(key),
        vault,
        makeKey,
        clock: systemClock,
        logger: silentLogger,
        onAborted: (...told) => onAborted(key.publicKey, ...told),
      },
      spec,
    )
    session.start()
    return { key, publicKey: key.publicKey, vault, session }
  }
  const members = incoming.map(join)
  const leaving = join(outgoing)
  return { spec, bus, members, leaving, stop: () => [...members, leaving].forEach((m) => void m.session.stop()) }
}

/** Something else in the same envelope, signed by its author: what a member with its own software may say. */
export function respoken(f: Federation, author: KeyPair, e: Envelope): Envelope {
  const topic = { network: registryId.network, scope: f.spec.id, purpose: 'keygen' } as const
  const wire = sealEnvelope(author, topicName(topic), e)
  const fields = openEnvelope(topic, wire)
  if (fields === undefined) throw new Error('not an envelope')
  return { ...fields, topic, wire, via: 'gossip' }
}
