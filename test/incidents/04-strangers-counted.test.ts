import { connect, type Socket } from 'node:net'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { afterEach, describe, expect, it } from 'vitest'
import { checkHealth } from '../../src/node/health-checks.ts'
import { untilWithin } from '../fixtures/until.ts'
import {
  linkedTo,
  type RealMember,
  snapshotOf,
  startMembers,
  type WiredMembers,
} from '../integration/fixtures/members.ts'
import { NOTHING_STUCK } from '../unit/node/facts.ts'

const DEADLINE_MS = 60_000
const IDLE = 6
let net: WiredMembers | undefined
const closing: (() => unknown)[] = []
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
  await net?.stop()
})

/** Connects and says nothing. */
async function idle(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port })
  closing.push(() => socket.destroy())
  socket.on('error', () => socket.destroy()).resume()
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))
  return socket
}

async function stranger(): Promise<Libp2p> {
  const node = await createLibp2p({ transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()] })
  closing.push(() => node.stop())
  return node
}

/** sBTC #2083: peers that had proven nothing counted as connected, so the missing members were not dialled again. */
describe('incident 4: connections of strangers', () => {
  it('should never count as a member, nor stop the redialling of one', async () => {
    net = await startMembers(2, 'tcp')
    const { members, wire } = net
    const [alice, bob] = members as [RealMember, RealMember]
    const snapshot = snapshotOf(members, 'a1')
    for (const [from, to] of [
      [0, 1],
      [1, 0],
    ] as const)
      wire(from, to).set('stalled')

    const sockets = await Promise.all(Array.from({ length: IDLE }, () => idle(alice.port)))
    const outsider = await stranger()
    for (const m of members) m.parts.membership.applySnapshot(snapshot)
    await outsider.dial(multiaddr(`/ip4/127.0.0.1/tcp/${alice.port}`)).catch(() => {})
    await untilWithin(DEADLINE_MS, 'the stranger was refused', () =>
      alice.parts.gate.denials.recent().some((d) => d.peerId === outsider.peerId.toString()),
    )
    expect(sockets.some((s) => !s.destroyed)).toBe(true)
    expect(alice.parts.host.connections()).toEqual([])
    const report = checkHealth({
      nowMs: Date.now(),
      pollIntervalMs: 1_000,
      registry: { lastReadAtMs: Date.now(), lastFailure: undefined },
      gate: alice.parts.gate,
      connections: alice.parts.host.connections(),
      keyHeld: true,
      ...NOTHING_STUCK,
      liveness: { members: new Map(), clock: { offsetMs: undefined, witnesses: 0 } },
      keyElsewhere: undefined,
    })
    expect(report.mesh).toEqual({ ok: false, reason: `no connection to ${bob.key.publicKey}` })

    for (const w of [wire(0, 1), wire(1, 0)]) {
      // What was dialled so far is lost: only a dial that comes now can connect them.
      w.cut()
      w.set('open')
    }
    await untilWithin(DEADLINE_MS, 'the members are connected', () => linkedTo(alice, [bob]).length === 1)
    expect(new Set(alice.parts.host.connections().map((c) => c.peerId))).toEqual(new Set([bob.key.peerId]))
  }, 120_000)
})
