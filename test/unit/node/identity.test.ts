import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { KeyPair } from '../../../src/curve/index.ts'
import type { Foundation } from '../../../src/node/foundation.ts'
import { nextOf } from '../../../src/node/foundation.ts'
import { Identity } from '../../../src/node/identity.ts'
import type { IdentityParts } from '../../../src/node/identity-parts.ts'
import { pickIdentity } from '../../../src/node/pick-identity.ts'
import { sharePlaceOf } from '../../../src/node/share-folder.ts'
import type { ConnectionInfo } from '../../../src/p2p/index.ts'
import type { Snapshot } from '../../../src/registry/index.ts'
import { ensurePrivateFolder, type OpenedKey } from '../../../src/store/index.ts'
import { signerSet } from '../../fixtures/sets.ts'
import { memorySpace } from '../../fixtures/space.ts'
import { ManualClock, MemoryLogger } from '../registry/support/ports.ts'

const [own, next, other, third] = Array.from({ length: 4 }, () => KeyPair.generate()) as [
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
]
const keys = { own: own.publicKey, next: next.publicKey }
const tip = { indexBlockHash: '22'.repeat(32), stacksHeight: 7, burnHeight: 7 }
const holding = (...members: KeyPair[]): Snapshot => ({ kind: 'set', set: signerSet(members), tip, readAtMs: 0 })
const UNINITIALISED: Snapshot = { kind: 'uninitialised', deployer: 'SN1', tip, readAtMs: 0 }

describe('pickIdentity', () => {
  it.each<[string, Snapshot | undefined, KeyPair]>([
    ['its own key while that is a member', holding(own, other), own],
    ['its own key where both are members', holding(own, next), own],
    ['the next key where only that is a member', holding(next, other), next],
    ['its own key where neither is', holding(other, third), own],
    ['its own key before the registry was read', undefined, own],
    ['its own key while there is no set', UNINITIALISED, own],
  ])('R7: should begin with %s', (_what, snapshot, expected) => {
    expect(pickIdentity(snapshot, keys)).toBe(expected.publicKey)
  })
  it('should stay with the key in use where neither is a member', () => {
    expect(pickIdentity(holding(other, third), keys, next.publicKey)).toBe(next.publicKey)
  })
  it('should have no choice without a next key', () => {
    expect(pickIdentity(holding(next, other), { own: own.publicKey, next: undefined })).toBe(own.publicKey)
  })
})

describe('sharePlaceOf', () => {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-places-'))
  afterAll(() => rmSync(dir, { recursive: true }))
  it('should never put the shares of two keys into one folder, before and after the next has become key_file', async () => {
    const first = await sharePlaceOf(dir, own.publicKey, false)
    expect(first).toEqual({ dir: join(dir, 'shares'), epochs: 'epochs' })
    const asNext = await sharePlaceOf(dir, next.publicKey, true)
    expect(asNext.dir).not.toBe(first.dir)
    expect(asNext.epochs).not.toBe(first.epochs)
    await ensurePrivateFolder(first.dir)
    await ensurePrivateFolder(asNext.dir)
    expect(await sharePlaceOf(dir, next.publicKey, false)).toEqual(asNext)
    expect(await sharePlaceOf(dir, own.publicKey, false)).toEqual(first)
    expect((await sharePlaceOf(dir, third.publicKey, true)).dir).not.toBe(asNext.dir)
  })
})

describe('Identity', () => {
  const nameOf = (key: KeyPair) => (key === own ? 'own' : 'next')
  let told: string[]
  let boots: number[]
  let links: readonly ConnectionInfo[]
  let known: readonly ConnectionInfo[]
  let making: Promise<void>
  let latest: Snapshot | undefined
  let fatal: Error[]
  let hold: Promise<void>
  let failNext: boolean
  const clock = new ManualClock()
  const logger = new MemoryLogger()
  const opened = (keyPair: KeyPair) => ({ keyPair }) as OpenedKey
  const [ownKey, nextKey] = [opened(own), opened(next)]

  const partsOf = (base: Foundation): IdentityParts => {
    const name = nameOf(base.key.keyPair)
    const startable = (what: string) => ({
      start: async () => {
        await hold
        if (failNext && name === 'next') throw new Error('address in use')
        told.push(`${name} ${what} on`)
      },
      stop: async () => {
        await hold
        told.push(`${name} ${what} off`)
      },
    })
    boots.push(base.boot)
    const network = {
      membership: {
        applySnapshot: () => told.push(`${name} applied`),
        leave: () => {
          links = []
          told.push(`${name} gate`)
        },
      },
      host: { connections: () => links, addresses: () => [], peerId: base.key.keyPair.peerId },
    }
    const signing = {
      sign: { refresh: () => {} },
      recalls: { wasMember: () => false, note: () => told.push(`${name} noted`) },
      recalled: { refresh: () => {} },
    }
    return {
      base,
      network: network as unknown as IdentityParts['network'],
      signing: signing as unknown as IdentityParts['signing'],
      liveness: { refresh: () => {} } as unknown as IdentityParts['liveness'],
      evidence: {} as unknown as IdentityParts['evidence'],
      links: startable('links'),
      rounds: startable('rounds'),
    }
  }
  const opens = async (withNext = true): Promise<Identity> => {
    const base = {
      key: ownKey,
      keys: { own: ownKey, next: withNext ? nextKey : undefined },
      boot: 5,
      clock,
      logger,
      config: { file: 'signer.toml' },
      store: { space: () => memorySpace() },
      watcher: { latest: () => latest },
    } as unknown as Foundation
    const createParts = async (of: Foundation, knownLinks: readonly ConnectionInfo[]) => {
      known = knownLinks
      await making
      return partsOf(of)
    }
    return await Identity.open({ base, createParts, onFatal: (e) => fatal.push(e) })
  }
  const started = async (withNext = true): Promise<Identity> => {
    const identity = await opens(withNext)
    await identity.links.start()
    await identity.rounds.start()
    told.length = 0
    return identity
  }
  const show = (identity: Identity, snapshot: Snapshot) => {
    latest = snapshot
    identity.follow(snapshot)
  }
  const MOVED = [
    'own gate',
    'own rounds off',
    'own links off',
    'next links on',
    'next applied',
    'next noted',
    'next rounds on',
  ]

  beforeEach(() => {
    ;[told, boots, fatal, links] = [[], [], [], []]
    logger.lines.length = 0
    latest = undefined
    hold = Promise.resolve()
    making = Promise.resolve()
    failNext = false
  })

  it('R7: should shut the gate, take the old identity down and bring the new one up with the snapshot', async () => {
    const identity = await started()
    show(identity, holding(next, other))
    expect(told).toEqual(['own gate'])
    await expect.poll(() => told).toEqual(MOVED)
    expect(identity.parts.base.key).toBe(nextKey)
    expect(nextOf(identity.parts.base)).toBeUndefined()
  })
  it('should hand the links of the old identity on, as they were before it closed them', async () => {
    const identity = await started()
    const place = { transport: 'tcp', remoteAddress: '/ip4/192.0.2.1/tcp/1', openedAtMs: 0 } as const
    const before: readonly ConnectionInfo[] = [{ peerId: other.peerId, direction: 'outbound', ...place }]
    links = before
    show(identity, holding(next, other))
    await expect.poll(() => told).toEqual(MOVED)
    expect(known).toBe(before)
  })
  it('R16: should take a new boot number, so that no slot of the next key is used twice', async () => {
    const identity = await started()
    show(identity, holding(next, other))
    await expect.poll(() => boots.length).toBe(2)
    expect(boots[1]).toBeGreaterThan(boots[0] ?? 0)
  })
  it('should go on where its own key stays, and where it is removed without a next one', async () => {
    const identity = await started()
    show(identity, holding(own, other))
    show(identity, holding(other, third))
    const without = await started(false)
    show(without, holding(next, other))
    expect(told).toEqual(['own applied', 'own noted'])
    expect(boots).toHaveLength(2)
  })
  it('should keep the next key when that is removed', async () => {
    const identity = await started()
    show(identity, holding(next, other))
    await expect.poll(() => told).toEqual(MOVED)
    show(identity, holding(other, third))
    expect(told.slice(MOVED.length)).toEqual(['next applied', 'next noted'])
  })
  it('should go back where the chain goes back', async () => {
    const identity = await started()
    show(identity, holding(next, other))
    await expect.poll(() => told).toEqual(MOVED)
    show(identity, holding(own, other))
    await expect.poll(() => told.at(-1)).toBe('own rounds on')
    expect(identity.parts.base.key).toBe(ownKey)
    expect(nextOf(identity.parts.base)).toBe(nextKey)
  })
  it('should not miss what the chain says while it moves', async () => {
    const identity = await started()
    const moving = Promise.withResolvers<void>()
    hold = moving.promise
    show(identity, holding(next, other))
    show(identity, holding(own, third))
    moving.resolve()
    await expect.poll(() => told.at(-1)).toBe('own rounds on')
    expect(identity.parts.base.key).toBe(ownKey)
    // What was begun is ended: nothing of the next identity is left running.
    const count = (what: string) => told.filter((t) => t === what).length
    for (const part of ['links', 'rounds']) expect(count(`next ${part} off`)).toBe(count(`next ${part} on`))
    // The gate of what is being taken down does not open again.
    expect(count('own applied')).toBe(1)
  })
  it('should leave nothing of the old identity on where the chain speaks while it starts', async () => {
    const identity = await opens()
    await identity.links.start()
    const starting = Promise.withResolvers<void>()
    hold = starting.promise
    const rounds = identity.rounds.start()
    show(identity, holding(next, other))
    starting.resolve()
    await rounds
    await expect.poll(() => told.at(-1)).toBe('next rounds on')
    expect(told.filter((t) => t.startsWith('own rounds'))).toEqual(['own rounds on', 'own rounds off'])
  })
  it('should start rounds once where the chain speaks before they are started', async () => {
    const identity = await opens()
    await identity.links.start()
    show(identity, holding(next, other))
    await identity.rounds.start()
    expect(told.filter((t) => t.endsWith('rounds on'))).toEqual(['next rounds on'])
  })
  it('should end the process where it can not come up under the next key', async () => {
    const identity = await started()
    failNext = true
    show(identity, holding(next, other))
    await expect.poll(() => fatal.map((e) => e.message)).toEqual(['address in use'])
    await identity.rounds.stop()
    await identity.links.stop()
  })
  it('should bring nothing up any more once it is stopped', async () => {
    const identity = await started()
    const moving = Promise.withResolvers<void>()
    hold = moving.promise
    show(identity, holding(next, other))
    const stopped = identity.rounds.stop()
    moving.resolve()
    await stopped
    await identity.links.stop()
    show(identity, holding(next, other))
    expect(told.filter((t) => t.endsWith(' on') || t.startsWith('next'))).toEqual([])
    expect(fatal).toEqual([])
  })
  it('should start nothing of the next identity where it was stopped while that was made', async () => {
    const identity = await started()
    const made = Promise.withResolvers<void>()
    making = made.promise
    const before = links
    show(identity, holding(next, other))
    await expect.poll(() => told.at(-1)).toBe('own links off')
    await expect.poll(() => known).toBe(before)
    const stopped = identity.rounds.stop()
    made.resolve()
    await stopped
    await identity.links.stop()
    expect(told.filter((t) => t.startsWith('next'))).toEqual([])
    expect(fatal).toEqual([])
  })
  it('should tell the operator to move the config, and nobody who need not', async () => {
    const identity = await started()
    const advice = () => logger.lines.filter((l) => JSON.stringify(l).includes('next_key_file')).length
    expect(advice()).toBe(0)
    show(identity, holding(next, other))
    await expect.poll(advice).toBe(1)
  })
})
