import type { Guard } from './guards.ts'

const gater = (name: string): Guard['test'] => ({
  project: 'unit',
  file: 'test/unit/gating/connection-gater.test.ts',
  name,
})
const relay = (name: string): Guard['test'] => ({
  project: 'integration',
  file: 'test/integration/relay.test.ts',
  name,
})
const lan = (name: string): Guard['test'] => ({
  project: 'integration',
  file: 'test/integration/lan-discovery.test.ts',
  name,
})

/** What docs/GATING.md says of relays and of discovery: the gate judges the relayed peer, not the relay. */
export const RELAY_GUARDS: readonly Guard[] = [
  {
    name: 'relay: only members wait at a relay',
    file: 'src/gating/connection-gater.ts',
    guard: 'denyInboundRelayReservation: (source) => denyRelaying(source)',
    gone: 'denyInboundRelayReservation: () => false',
    test: gater('relays'),
  },
  {
    name: 'relay: only members are put through',
    file: 'src/gating/connection-gater.ts',
    guard: 'denyRelaying(source, destination)',
    gone: 'denyRelaying(destination) || source === undefined',
    test: gater('relays'),
  },
  {
    name: 'relay: only to members is anybody put through',
    file: 'src/gating/connection-gater.ts',
    guard: 'denyRelaying(source, destination)',
    gone: 'denyRelaying(source) || destination === undefined',
    test: gater('relays'),
  },
  {
    name: 'relay: only through members does anybody come',
    file: 'src/gating/connection-gater.ts',
    guard: "denyRelaying(relay) || deny(remote, 'inbound', 'relay')",
    gone: "deny(remote, 'inbound', 'relay') || relay === undefined",
    test: gater('relays'),
  },
  {
    name: 'relay: who comes through one is judged himself',
    file: 'src/gating/connection-gater.ts',
    guard: "denyRelaying(relay) || deny(remote, 'inbound', 'relay')",
    gone: 'denyRelaying(relay) || remote === undefined',
    test: relay('a stranger that a member puts through'),
  },
  {
    name: 'relay: no dial leads through a stranger',
    file: 'src/gating/connection-gater.ts',
    guard: "if (!answer.ok) gate.denied(relay, answer.reason, 'relay')\n      return !answer.ok",
    gone: "if (!answer.ok) gate.denied(relay, answer.reason, 'relay')\n      return false",
    test: relay('dial a member through a stranger'),
  },
  {
    name: 'relay: the dialer asks about the relay in an address',
    file: 'src/p2p/dialer.ts',
    guard: "if (transportOf(address) === 'relay' &&",
    gone: "if (transportOf(address) === 'other' &&",
    test: relay('dial a member through a stranger'),
  },
  {
    name: 'relay: a relayed member vouches for no host',
    file: 'src/gating/connection-gater.ts',
    guard: 'if (relayOf(at(connection)) === undefined) quota',
    gone: 'quota',
    test: gater('relays'),
  },
  {
    name: 'relay: its protocols are for who has a right to them',
    file: 'src/p2p/nat.ts',
    guard: '({ ...gettersOf(c), registrar: new GuardedRegistrar(c.registrar, guard) })\n      return server',
    gone: '({ ...gettersOf(c), registrar: c.registrar })\n      return server',
    test: relay('a bridge'),
  },
  {
    name: 'relay: a node waits at the relays of its config only',
    file: 'src/p2p/nat.ts',
    guard: 'protocol !== RELAY_V2_STOP_CODEC || this.#relays.has(peerOf(connection))',
    gone: 'protocol !== undefined || this.#relays.has(peerOf(connection))',
    test: relay('relays of its config only'),
  },
  {
    name: 'relay: a removed member loses its place',
    file: 'src/p2p/host.ts',
    guard: '    node.nat?.forget(peer)\n',
    gone: '',
    test: relay('take its place'),
  },
  {
    name: 'discovery: an answer names local addresses only',
    file: 'src/p2p/lan-discovery.ts',
    guard: '.filter(isLanAddress)',
    gone: '',
    test: lan('local network'),
  },
]
