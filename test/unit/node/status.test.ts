import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { asSetHash, type PublicKey } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import type { LivenessView } from '../../../src/node/liveness/index.ts'
import type { S2View } from '../../../src/node/operator-view.ts'
import { viewOfRotation } from '../../../src/node/rotation-view.ts'
import { nodeStatus, type StatusFacts, stateOf } from '../../../src/node/status.ts'
import type { RotationStatus } from '../../../src/rotation/index.ts'
import { missingApprovals } from '../../../src/rounds/index.ts'
import {
  connectionTo,
  gateIn,
  holding,
  INCOMING,
  MEMBER,
  NO_LIVENESS,
  OTHER,
  SELF,
  SET,
  SPEC,
  WITHOUT_SELF,
} from './facts.ts'

/** Stands beside public values in the facts; a status that spreads what it was given would show it. */
const CANARY = 'canary-7f3a'
const withCanary = <T extends object>(value: T): T => ({ ...value, signingShare: CANARY })

const rotation: RotationStatus = withCanary({
  spec: withCanary(SPEC),
  action: { kind: 'wait', for: 'approvals', missing: [INCOMING.publicKey] },
  approved: [SELF.publicKey],
  keygen: { phase: 'idle', attempt: 0, lastFailure: undefined },
  newKey: undefined,
  handoff: withCanary({ holding: [], cosigned: [], items: [] }),
  lastError: undefined,
})
const facts = (over: Partial<StatusFacts> = {}): StatusFacts => ({
  gate: gateIn.signer(),
  peerId: SELF.peerId,
  registryId: withCanary({ network: 'devnet', chainId: 1, contract: 'SN1.registry' }),
  snapshot: withCanary(holding(withCanary(SET))),
  registryHealth: withCanary({ lastReadAtMs: 9, lastFailure: undefined }),
  connections: [withCanary(connectionTo(MEMBER))],
  addresses: [`/ip4/127.0.0.1/tcp/1/p2p/${SELF.peerId}`],
  admin: { url: undefined, observerUrl: undefined },
  curve: { backend: 'native', fallback: null },
  rotation: undefined,
  recalled: [],
  evidence: { records: 0, accusations: [], failure: null },
  keyHeld: true,
  policy: { kind: 'bridge', validator: null, approved: [], waiting: [], refused: [] },
  operator: {
    s2: null,
    serviceKeys: { held: 0, unusable: [] },
    audit: { head: null, lines: 0, file: null, failure: null },
    disk: { freeBytes: null, lowFolder: null },
  },
  lastEviction: undefined,
  lastReload: undefined,
  health: { ok: true, red: [], checks: [] },
  liveness: NO_LIVENESS,
  keyElsewhere: undefined,
  ...over,
})

const OUTSIDER = KeyPair.generate()

describe('stateOf', () => {
  it.each(['waiting', 'pending', 'signer', 'removed'] as const)('should tell a node that is %s', (state) => {
    expect(stateOf(gateIn[state]())).toBe(state)
  })
  it('should be removed, and not pending, while only a recalled set wants this node, after a restart too', () => {
    for (const gate of [gateIn.removed(), gateIn.restartedOut()]) {
      gate.applyRecalled([SET])
      expect(stateOf(gate)).toBe('removed')
    }
  })
  it('R7: should be pending again once its operator approved a set with its key', () => {
    for (const gate of [gateIn.removed(), gateIn.restartedOut()]) {
      gate.applyPending(SPEC)
      expect(stateOf(gate)).toBe('pending')
    }
  })
  it('should be waiting before the registry was read', () => {
    expect(stateOf(gateIn.unread())).toBe('waiting')
  })
})

describe('nodeStatus', () => {
  it('should show the set, the key and the members of a signer', () => {
    const status = nodeStatus(facts())
    expect(status).toMatchObject({
      state: 'signer',
      publicKey: SELF.publicKey,
      peerId: SELF.peerId,
      network: 'devnet',
      contract: 'SN1.registry',
      registry: {
        kind: 'set',
        stacksHeight: 70,
        burnHeight: 7,
        block: expect.any(String),
        evidence: null,
        lastReadAtMs: 9,
        lastFailure: null,
      },
      set: { hash: SET.hash, threshold: 2, size: 3, keys: SET.keys, groupKey: SET.groupKey },
      key: { groupKey: SET.groupKey, held: true },
      rotation: null,
      policy: { kind: 'bridge', refused: [] },
      lastEviction: null,
      lastReload: null,
    })
    expect(status.members.map((m) => m.publicKey)).toEqual(SET.keys)
    expect(status.members.map((m) => m.role)).toEqual(['signer', 'signer', 'signer'])
  })

  it('should mark itself, and only those connected that have a link', () => {
    const { members } = nodeStatus(facts())
    expect(members.filter((m) => m.self).map((m) => m.publicKey)).toEqual([SELF.publicKey])
    expect(members.filter((m) => m.connected).map((m) => m.publicKey)).toEqual([MEMBER.publicKey])
    expect(members.find((m) => m.publicKey === MEMBER.publicKey)?.links).toEqual([
      { transport: 'tcp', direction: 'outbound', remoteAddress: '/ip4/127.0.0.1/tcp/4001', rttMs: null },
    ])
    expect(members.find((m) => m.publicKey === OTHER.publicKey)?.links).toEqual([])
  })

  it('should say that the key on chain is not held', () => {
    expect(nodeStatus(facts({ keyHeld: false })).key).toEqual({ groupKey: SET.groupKey, held: false })
  })

  it('should show neither set nor key nor members before the registry was read', () => {
    const registryHealth = { lastReadAtMs: undefined, lastFailure: undefined }
    expect(nodeStatus(facts({ gate: gateIn.unread(), snapshot: undefined, registryHealth }))).toMatchObject({
      state: 'waiting',
      registry: { kind: 'unknown', stacksHeight: null, burnHeight: null, lastReadAtMs: null },
      set: null,
      key: null,
      members: [],
    })
  })

  it('R7: should show the next key that is loaded, and whether chain or approval names it', () => {
    const shown = (over: Partial<Parameters<typeof nodeStatus>[0]>) => nodeStatus(facts(over)).nextKey
    expect(shown({})).toBeNull()
    const no = { onChain: false, approved: false, inUse: false }
    const { publicKey } = INCOMING
    expect(shown({ loadedNextKey: OUTSIDER.publicKey, rotation })).toEqual({ ...no, publicKey: OUTSIDER.publicKey })
    expect(shown({ loadedNextKey: publicKey, rotation })).toEqual({ ...no, publicKey, approved: true })
    expect(shown({ loadedNextKey: MEMBER.publicKey })).toEqual({ ...no, publicKey: MEMBER.publicKey, onChain: true })
    expect(shown({ loadedNextKey: SELF.publicKey })).toEqual({
      publicKey: SELF.publicKey,
      onChain: true,
      approved: false,
      inUse: true,
    })
    expect(shown({ gate: gateIn.unread(), loadedNextKey: publicKey })).toEqual({ ...no, publicKey })
  })

  it('R7: should call its own next key its own', () => {
    const { members } = nodeStatus(facts({ rotation, nextKey: INCOMING.publicKey }))
    expect(members.filter((m) => m.self).map((m) => m.publicKey)).toEqual([SELF.publicKey, INCOMING.publicKey])
    expect(nodeStatus(facts({ rotation })).members.filter((m) => m.self)).toHaveLength(1)
  })

  it('should show the participants of a pending set that are not in the set as pending', () => {
    const { state, members } = nodeStatus(facts({ gate: gateIn.pending(), snapshot: holding(WITHOUT_SELF), rotation }))
    expect(state).toBe('pending')
    const pending = members.filter((m) => m.role === 'pending').map((m) => m.publicKey)
    expect(pending).toEqual([SELF.publicKey, INCOMING.publicKey].toSorted())
    expect(members).toHaveLength(4)
  })

  it('should show a removed node as removed, and not among the members', () => {
    const status = nodeStatus(facts({ gate: gateIn.removed(), snapshot: holding(WITHOUT_SELF), keyHeld: false }))
    expect(status.state).toBe('removed')
    expect(status.members.some((m) => m.self)).toBe(false)
  })

  it('R8: should show what is recalled, and who is met for that alone as retired', () => {
    const recalled = {
      setHash: SET.hash,
      groupKey: SET.groupKey,
      threshold: 2,
      keys: [SELF.publicKey, MEMBER.publicKey, INCOMING.publicKey],
      keyHeld: true,
      earlierKey: null,
      approvedAtMs: 1,
      expiresAtMs: 2,
      admitted: true,
    }
    const gate = gateIn.signer()
    gate.applyRecalled([{ hash: recalled.setHash, keys: recalled.keys }])
    const status = nodeStatus(facts({ gate, recalled: [recalled], connections: [connectionTo(INCOMING)] }))
    expect(status.recalled).toEqual([recalled])
    expect(status.members.filter((m) => m.role === 'retired')).toMatchObject([
      { publicKey: INCOMING.publicKey, connected: true },
    ])
    expect(status.members.filter((m) => m.role === 'signer').map((m) => m.publicKey)).toEqual(SET.keys)
  })

  it('should show refusals of the gate', () => {
    const gate = gateIn.signer()
    gate.denied(INCOMING.peerId, 'not_in_registry', 'connection')
    const { denials } = nodeStatus(facts({ gate }))
    expect(denials.totals).toEqual({ not_in_registry: 1 })
    expect(denials.recent).toMatchObject([{ peerId: INCOMING.peerId, place: 'connection' }])
  })

  it('should show nothing but the fields of its type', () => {
    const gate = gateIn.pending()
    const text = JSON.stringify(nodeStatus(facts({ gate, rotation })))
    expect(text).not.toContain(CANARY)
    expect(text).not.toMatch(/"[^"]*(secret|share|private|passphrase|token|seed)[^"]*":/i)
  })
})

describe('a member in the status', () => {
  const beat = {
    ...{ setHash: WITHOUT_SELF.hash, stacksHeight: 71, burnHeight: 8, indexBlockHash: 'ab'.repeat(32), sentAtMs: 5 },
    ...{ keyHeld: true, signing: false, registryFresh: true, doubleVoices: [] },
  }
  const liveness: LivenessView = {
    members: new Map([
      [
        MEMBER.publicKey,
        { sign: 'alive', lastHeardAtMs: 77, beat, divergesSinceMs: 70, clockOffsetMs: -3, overdue: false },
      ],
      [
        OTHER.publicKey,
        {
          ...{ sign: 'never', lastHeardAtMs: undefined, beat: undefined },
          ...{ divergesSinceMs: undefined, clockOffsetMs: undefined, overdue: true },
        },
      ],
    ]),
    clock: { offsetMs: 900, witnesses: 4 },
  }
  const row = (key: KeyPair, over: Partial<StatusFacts> = {}) =>
    nodeStatus(facts({ liveness, ...over })).members.find((m) => m.publicKey === key.publicKey)

  it('should be shown with what it says, and when it was heard', () => {
    expect(row(MEMBER)).toMatchObject({
      alive: true,
      lastHeartbeatAtMs: 77,
      claimedSetHash: WITHOUT_SELF.hash,
      diverges: true,
      clockOffsetMs: -3,
      claims: { stacksHeight: 71, burnHeight: 8, keyHeld: true, signing: false, registryFresh: true },
    })
  })
  it('should be shown as not alive when it was never heard, and as unknown when nothing is expected of it', () => {
    const unknown = {
      lastHeartbeatAtMs: null,
      claimedSetHash: null,
      diverges: false,
      clockOffsetMs: null,
      claims: null,
    }
    expect(row(OTHER)).toMatchObject({ alive: false, ...unknown })
    expect(row(SELF)).toMatchObject({ alive: null, ...unknown })
  })
  it("should be shown with its links' round trips", () => {
    const connections = [{ ...connectionTo(MEMBER), rttMs: 12 }, connectionTo(MEMBER)]
    expect(row(MEMBER, { connections })?.links.map((l) => l.rttMs)).toEqual([12, null])
  })
  it('should be shown with its role and the reason of it', () => {
    expect(row(MEMBER)).toMatchObject({ role: 'signer', reason: 'in set 11111111 at Bitcoin block 7' })
    const pending = { gate: gateIn.pending(), snapshot: holding(WITHOUT_SELF), rotation }
    expect(row(INCOMING, pending)).toMatchObject({
      role: 'pending',
      reason: 'in pending set abababab approved by this operator',
    })
    const recalled = [
      {
        ...{ setHash: asSetHash('77'.repeat(32)), keys: [SELF.publicKey, INCOMING.publicKey], threshold: 2 },
        ...{ groupKey: SET.groupKey, keyHeld: true, earlierKey: null },
        ...{ approvedAtMs: 1, expiresAtMs: 2, admitted: true },
      },
    ]
    const gate = gateIn.signer()
    gate.applyRecalled(recalled.map(({ setHash, keys }) => ({ hash: setHash, keys })))
    expect(row(INCOMING, { gate, recalled })).toMatchObject({
      role: 'retired',
      reason: 'in recalled set 77777777 recalled by this operator',
    })
    // Once, and by its strongest role.
    expect(nodeStatus(facts({ recalled })).members.filter((m) => m.self)).toMatchObject([{ role: 'signer' }])
  })
  it('should have no role where the gate gives it none, and say why', () => {
    const gate = gateIn.signer()
    gate.applyLists({ bridges: [], denied: [MEMBER.peerId] })
    expect(row(MEMBER, { gate })).toMatchObject({
      role: 'none',
      reason: 'in set 11111111 at Bitcoin block 7, refused here: denied_by_operator',
    })
    expect(nodeStatus(facts({ gate })).members.filter((m) => m.self)).toMatchObject([{ role: 'signer' }])
  })
  it('R17: should stand beside what is known of the clock and of the key', () => {
    expect(nodeStatus(facts({ liveness }))).toMatchObject({
      clock: { offsetMs: 900, witnesses: 4 },
      keyInUseElsewhere: null,
    })
    const keyElsewhere = { sinceMs: 3, boot: 4 }
    expect(nodeStatus(facts({ keyElsewhere })).keyInUseElsewhere).toEqual(keyElsewhere)
    expect(nodeStatus(facts()).clock).toEqual({ offsetMs: null, witnesses: 0 })
  })
})

it('docs/METRICS.md should explain every field of the status, and what the nested ones hold', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/METRICS.md'), 'utf8')
  const [, table = ''] = /<!-- status-fields -->\n([\s\S]*?)<!-- \/status-fields -->/.exec(page) ?? []
  const said = new Map(
    [...table.matchAll(/^\| `(\w+)` \| (.+) \|$/gm)].map(([, name = '', words = '']) => [name, words]),
  )
  const decision = {
    requestId: 'aa',
    groupKey: SET.groupKey,
    askedBy: SELF.peerId,
    reason: 'asked',
    detail: null,
  } as const
  const waiting = [{ ...decision, firstAtMs: 1, lastAtMs: 1, times: 1 } as const]
  const reason = 'validator_status'
  const validator = { reason, detail: null, sinceMs: 1, lastAtMs: 1, times: 1 } as const
  const policy = { kind: 'http', validator, approved: [], waiting, refused: [] } as const
  const journal = { path: '/j', lines: 1, bytes: 2, head: 'ef' }
  const s2: S2View = {
    ...{ publicKey: 'ab', nonceMode: 'native', continuity: 'lost', lostReason: 'store_is_new', instance: 'cd' },
    ...{ generation: 0, journal },
  }
  const serviceKeys = { held: 1, unusable: [{ name: 'a', version: 1, why: 'b' }] }
  const operator = { ...facts().operator, s2, serviceKeys }
  const status: Readonly<Record<string, unknown>> = { ...nodeStatus(facts({ rotation, policy, operator })) }
  expect([...said.keys()]).toEqual(Object.keys(status))
  const words = (value: unknown): readonly string[] =>
    Array.isArray(value)
      ? value.flatMap(words)
      : typeof value === 'object' && value !== null
        ? Object.entries(value).flatMap(([key, inner]) => [key, ...words(inner)])
        : []
  for (const name of ['set', 'rotation', 'policy', 'evidence', 's2', 'serviceKeys', 'audit', 'disk'])
    for (const word of words(status[name])) expect(said.get(name), `${name}.${word}`).toContain(`\`${word}\``)
})

describe('viewOfRotation', () => {
  it('should name who is waited for', () => {
    expect(viewOfRotation(rotation)).toEqual({
      pendingId: SPEC.id,
      keys: SPEC.keys,
      threshold: 2,
      attempt: 1,
      approved: [SELF.publicKey],
      step: 'wait',
      waitingFor: 'approvals',
      missing: [INCOMING.publicKey],
      approvalsNeeded: {
        every: [MEMBER.publicKey, INCOMING.publicKey].toSorted(),
        anyOf: { count: 1, keys: [OTHER.publicKey] },
      },
      keygen: rotation.keygen,
      newKey: null,
      handoff: { holding: [], cosigned: [], items: [] },
      lastError: null,
    })
  })

  it('should wait for nobody in a step that does something', () => {
    expect(viewOfRotation({ ...rotation, action: { kind: 'start_keygen' } })).toMatchObject({
      step: 'start_keygen',
      waitingFor: null,
      missing: [],
      approvalsNeeded: null,
    })
  })

  it.each([
    [
      'two of three that stay, where two must consent',
      ['a', 'b', 'c'],
      [],
      { every: ['a', 'b', 'c'], count: 0, of: [] },
    ],
    ['nobody but a newcomer once enough consent', ['a', 'd'], ['a', 'b'], { every: ['d'], count: 0, of: [] }],
    ['any one of two that leave', ['a', 'd'], ['a'], { every: ['d'], count: 1, of: ['b', 'c'] }],
    ['any two of three in a full replacement', ['d', 'e'], [], { every: ['d', 'e'], count: 2, of: ['a', 'b', 'c'] }],
    ['all that are left', ['d', 'e'], ['a', 'd'], { every: ['e'], count: 1, of: ['b', 'c'] }],
    ['no more than a threshold of them', ['d', 'e'], ['a', 'b', 'd'], { every: ['e'], count: 0, of: [] }],
  ])('R7: should say how many approvals are needed, and of whom: %s', (_, keys, approved, { every, count, of }) => {
    const [a, b, c, d, e] = [SELF, MEMBER, OTHER, INCOMING, KeyPair.generate()].map((k) => k.publicKey)
    const named: Readonly<Record<string, PublicKey | undefined>> = { a, b, c, d, e }
    const keysOf = (names: readonly string[]) => names.map((name) => named[name] as PublicKey)
    const spec = { ...SPEC, keys: keysOf(keys), currentKeys: keysOf(['a', 'b', 'c']), currentThreshold: 2 }
    const missing = missingApprovals(spec, new Set(keysOf(approved)))
    const view = viewOfRotation({
      ...{ ...rotation, spec, approved: keysOf(approved) },
      action: { kind: 'wait', for: 'approvals', missing },
    })
    expect(view?.approvalsNeeded).toEqual({ every: keysOf(every), anyOf: { count, keys: keysOf(of) } })
    // The two tell of the same: with exactly these, nothing is missing any more.
    const enough = new Set(keysOf([...approved, ...every, ...of.slice(0, count)]))
    expect(missingApprovals(spec, enough)).toEqual([])
  })

  it('should pass the last error on', () => {
    expect(viewOfRotation({ ...rotation, lastError: 'TX_REJECTED: BadNonce' })?.lastError).toBe('TX_REJECTED: BadNonce')
  })
})
