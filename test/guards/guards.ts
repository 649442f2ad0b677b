import { RELAY_GUARDS } from './relay-guards.ts'

/** A line of the code that a rule or an incident asks for, and the test that must miss it. */
export interface Guard {
  /** Rule or incident first. */
  readonly name: string
  readonly file: string
  /** As it stands in the file, once. */
  readonly guard: string
  /** What is left when it is taken out; must still compile, or the red would say nothing. */
  readonly gone: string
  readonly test: {
    readonly project: 'unit' | 'integration'
    readonly file: string
    /** Only tests of this name; the whole file if left out. */
    readonly name?: string
  }
}

const unit = (file: string, name?: string): Guard['test'] => ({
  project: 'unit',
  file: `test/unit/${file}`,
  ...(name === undefined ? {} : { name }),
})
const incident = (file: string): Guard['test'] => ({ project: 'integration', file: `test/incidents/${file}` })

export const GUARDS: readonly Guard[] = [
  {
    name: 'R5: an old snapshot admits no pending set',
    file: 'src/gating/decide.ts',
    guard: "(s.trust === 'fresh' ? s.pending : undefined)",
    gone: 's.pending',
    test: unit('gating/decide.test.ts', 'R5'),
  },
  {
    name: 'R5: an old snapshot admits no recalled set',
    file: 'src/gating/decide.ts',
    guard: "s.trust === 'fresh' ? [...s.recalled.values()]",
    gone: "s.trust !== 'closed' ? [...s.recalled.values()]",
    test: unit('gating/decide.test.ts', 'R8'),
  },
  {
    name: 'R5: on_stale = "close" admits nobody',
    file: 'src/gating/decide.ts',
    guard: `  if (s.trust === 'closed') return none('registry_stale')\n`,
    gone: '',
    test: unit('gating/decide.test.ts', 'R5'),
  },
  {
    name: 'DESIGN §5: the deny list wins over every role',
    file: 'src/gating/decide.ts',
    guard: `  if (s.denied.has(peer)) return none('denied_by_operator')\n`,
    gone: '',
    test: unit('gating/decide.test.ts', 'the deny list'),
  },
  {
    name: 'DESIGN §5: a removed node serves nobody',
    file: 'src/gating/decide.ts',
    guard: `  if (s.selfRemoved && !isWantedBack(s, peer)) return none('self_removed')\n`,
    gone: `  void isWantedBack\n`,
    test: unit('gating/decide.test.ts'),
  },
  {
    name: 'R9: a removed node hears its bridge for a recalled set alone',
    file: 'src/gating/decide.ts',
    guard: '(has(admittedPending(s)?.keys, s.self) && !s.bridges.has(peer))',
    gone: 'has(admittedPending(s)?.keys, s.self)',
    test: unit('gating/decide.test.ts'),
  },
  {
    name: 'R9: a share of a replaced key is used only while the gate admits its set',
    file: 'src/node/active-key.ts',
    guard: 'return isAdmitted && gate.state.set?.hash',
    gone: 'return (isAdmitted || gate !== undefined) && gate.state.set?.hash',
    test: unit('node/recalled-signing.test.ts', 'R9'),
  },
  {
    name: 'R9: the rounds of a recalled set end with the recall',
    file: 'src/node/recalled-signing.ts',
    guard: `      driver.refresh()\n    }\n    for`,
    gone: `      void driver\n    }\n    for`,
    test: unit('node/recalled-signing.test.ts', 'R8'),
  },
  {
    name: 'R8: who was met for a recalled set alone is closed with it',
    file: 'src/node/membership.ts',
    guard: "this.#settle(left.filter((peer) => gate.roleOf(peer) === 'none'))",
    gone: 'this.#settle(left.slice(0, 0))',
    test: unit('node/membership.test.ts', 'R8'),
  },
  {
    name: 'R8: a recall ends with its time',
    file: 'src/rotation/recalls.ts',
    guard: 'this.#cancelTimer = this.#c.clock.after(Math.min(waitMs, LONGEST_WAIT_MS), () => this.#settle())',
    gone: 'void waitMs\n    void LONGEST_WAIT_MS',
    test: unit('rotation/recalls.test.ts', 'expire'),
  },
  {
    name: 'R8: only a set that this node was in can be recalled',
    file: 'src/rotation/recalls.ts',
    guard: '    if (!this.#known.isOwn(set))\n',
    gone: '    if (set === undefined)\n',
    test: unit('rotation/recalls.test.ts', 'should not be made of'),
  },
  {
    name: 'R5: nobody is recalled before the registry was read',
    file: 'src/rotation/recalls.ts',
    guard: `    if (this.#current() === undefined) return\n`,
    gone: '',
    test: unit('rotation/recalls.test.ts', 'registry was read'),
  },
  {
    name: 'R9: no other key than the current or a recalled one is signed under',
    file: 'src/signer/threshold-service.ts',
    guard: "if (key !== undefined) return refuse('UNKNOWN_KEY')",
    gone: "if (key !== undefined) return refuse('NO_KEY')",
    test: unit('signer/threshold-service.test.ts', 'R9'),
  },
  {
    name: 'DESIGN §5: a role may connect in its own directions only',
    file: 'src/gating/decide.ts',
    guard: "return RIGHTS[role].connect[direction] ? accept(undefined) : refuse('wrong_direction')",
    gone: `void direction\n  return accept(undefined)`,
    test: unit('gating/decide.test.ts', 'roles'),
  },
  {
    name: 'DESIGN §5: a role has its own streams only',
    file: 'src/gating/decide.ts',
    guard: "return RIGHTS[role].streams[streamKindOf(protocol)] ? accept(undefined) : refuse('no_right_to_protocol')",
    gone: `void protocol\n  return accept(undefined)`,
    test: unit('gating/decide.test.ts', 'roles'),
  },
  {
    name: 'R15: a right to a topic is one of role and set',
    file: 'src/gating/decide.ts',
    guard: 'return kind !== undefined && RIGHTS[role].topics[kind] ?',
    gone: 'return kind !== undefined || RIGHTS[role].topics.sign ?',
    test: unit('gating/decide.test.ts'),
  },
  {
    name: "R8: a recalled set's topic is for its own members",
    file: 'src/gating/decide.ts',
    guard: "return hasPeer(recalled?.keys, peer) ? 'recall' : undefined",
    gone: "return recalled === undefined ? undefined : 'recall'",
    test: unit('gating/decide.test.ts', 'R8'),
  },
  {
    name: 'R8: only who was in a recalled set may recall it',
    file: 'src/gating/decide.ts',
    guard: '.filter((set) => has(set.keys, s.self))',
    gone: '',
    test: unit('gating/decide.test.ts', 'R8'),
  },
  {
    name: 'R7: a pending set dies with its parent',
    file: 'src/gating/gate.ts',
    guard: 'set?.hash === this.#state.set?.hash ? this.#state.pending : undefined',
    gone: 'this.#state.pending',
    test: unit('gating/gate.test.ts', 'R7'),
  },
  {
    name: 'incident 3: the gate knows the new set before anything else is done',
    file: 'src/node/membership.ts',
    guard: `    gate.applySnapshot(snapshot)\n`,
    gone: `    queueMicrotask(() => gate.applySnapshot(snapshot))\n`,
    test: unit('node/membership.test.ts'),
  },
  {
    name: 'incident 3: connections of a removed member are closed',
    file: 'src/gating/evictor.ts',
    guard: 'await Promise.all(peers.map((peer) => this.#close(peer)))',
    gone: 'await Promise.all([])',
    test: incident('03-removed-member.test.ts'),
  },
  {
    name: 'incident 3: a handshake that raced the change is caught',
    file: 'src/gating/evictor.ts',
    guard: `    await this.#close(peer)\n  }\n\n  async #close`,
    gone: `  }\n\n  async #close`,
    test: unit('gating/gate.test.ts', 'landed after the sweep'),
  },
  {
    name: 'incident 2: an approved pending set is admitted',
    file: 'src/gating/decide.ts',
    guard: '  if (hasPeer(pending?.keys, peer) ||',
    gone: '  if (',
    test: incident('02-new-set-locked-out.test.ts'),
  },
  {
    name: 'incident 6: unproven handshakes per host are capped',
    file: 'src/gating/host-quota.ts',
    guard: "      return refuse('host_pending')",
    gone: '      held.toFixed()',
    test: incident('06-unlimited-inbound.test.ts'),
  },
  {
    name: 'incident 6: unknown hosts together leave room for members',
    file: 'src/gating/host-quota.ts',
    guard: `    if (isStranger && this.#ofStrangers >= LIMITS.maxPendingOfStrangers) return refuse('inbound_full')\n`,
    gone: '',
    test: unit('gating/host-quota.test.ts'),
  },
  {
    name: 'incident 6: handshakes per second of a host are capped',
    file: 'src/gating/host-quota.ts',
    guard: `    if (!this.#takeToken(host)) return refuse('host_rate')\n`,
    gone: `    this.#takeToken(host)\n`,
    test: unit('gating/host-quota.test.ts'),
  },
  {
    name: 'incident 5: hosts whose rate is kept are bounded',
    file: 'src/gating/host-quota.ts',
    guard: 'new BoundedMap<string, TokenBucket>(LIMITS.maxRatedHosts)',
    gone: 'new BoundedMap<string, TokenBucket>(1_000_000)',
    test: unit('gating/host-quota.test.ts'),
  },
  {
    name: 'DESIGN §6: a dial names its peer',
    file: 'src/gating/connection-gater.ts',
    guard: `      return !named\n`,
    gone: `      return false\n`,
    test: unit('gating/connection-gater.test.ts'),
  },
  {
    name: 'incident 4: an inbound key is asked for when it is proven',
    file: 'src/gating/connection-gater.ts',
    guard: "denyInboundEncryptedConnection: (peer, connection) => denyProven(peer, 'inbound', connection)",
    gone: 'denyInboundEncryptedConnection: () => false',
    test: unit('gating/connection-gater.test.ts'),
  },
  {
    name: "R12: an envelope's signature is checked",
    file: 'src/p2p/intake.ts',
    guard: `    if (!hasValidSignature(decoded.value, arrival.topic)) return 'bad_signature'\n`,
    gone: '',
    test: unit('p2p/intake.test.ts'),
  },
  {
    name: 'R12: the signature covers the topic',
    file: 'src/p2p/envelope.ts',
    guard: 'encodeFields(VERSION, topic, body)',
    gone: 'encodeFields(VERSION, topic.slice(0, 0), body)',
    test: unit('p2p/envelope.test.ts'),
  },
  {
    name: 'R12: one encoding of an envelope only',
    file: 'src/p2p/envelope.ts',
    guard: `    if (!equalBytes(toBinary(SignedEnvelopeSchema, outer), own)) return refuse('malformed')\n`,
    gone: '',
    test: unit('p2p/envelope.test.ts'),
  },
  {
    name: 'R13: the forwarder pays before the signature is checked',
    file: 'src/p2p/intake.ts',
    guard: `    if (charge !== 'paid') return charge\n`,
    gone: '',
    test: unit('p2p/intake.test.ts', 'R13'),
  },
  {
    name: 'R13: the author pays for what it says',
    file: 'src/p2p/intake.ts',
    guard: `    if (!this.#chargeAuthor(author)) return 'author_rate'\n`,
    gone: '',
    test: unit('p2p/intake.test.ts', 'R13'),
  },
  {
    name: 'R13: a replay costs its author nothing',
    file: 'src/p2p/intake.ts',
    guard: `    if (stale !== undefined) return stale\n    if (!hasValidSignature`,
    gone: '    if (!hasValidSignature',
    test: unit('p2p/intake.test.ts'),
  },
  {
    name: 'R14: a mismatch is no offence of the forwarder',
    file: 'src/p2p/drop-reasons.ts',
    guard: "  author_role: 'ignore'",
    gone: "  author_role: 'reject'",
    test: unit('p2p/intake.test.ts', 'R14'),
  },
  {
    name: 'incident 9: the author has the right to the topic',
    file: 'src/p2p/intake.ts',
    guard: `    if (!this.#mayGossip(authorPeer, topic, via)) return 'author_role'\n`,
    gone: '',
    test: unit('p2p/intake.test.ts'),
  },
  {
    name: 'incident 9: a direct message is of the peer that brings it',
    file: 'src/p2p/intake.ts',
    guard: "return 'author_mismatch'",
    gone: "void 'author_mismatch'",
    test: unit('p2p/intake.test.ts'),
  },
  {
    name: 'incident 10, R16: a counter is taken once',
    file: 'src/p2p/intake.ts',
    guard: `    this.#windowOf(author).take(fields.boot, fields.counter)\n    return this.#deliver`,
    gone: '    return this.#deliver',
    test: incident('10-replay.test.ts'),
  },
  {
    name: 'R16: an older boot is over',
    file: 'src/p2p/sequence-window.ts',
    guard: `    if (boot < this.#boot) return 'older_boot'\n`,
    gone: '',
    test: unit('p2p/intake.test.ts', 'R16'),
  },
  {
    name: 'R17: an expired message is ignored',
    file: 'src/p2p/intake.ts',
    guard: `    if (fields.expiresAtMs + LIMITS.clockSkewMs < now) return 'expired'\n`,
    gone: '',
    test: unit('p2p/intake.test.ts'),
  },
  {
    name: 'incident 33, R17: a message from the future is ignored',
    file: 'src/p2p/intake.ts',
    guard: `    if (fields.expiresAtMs - LIMITS.clockSkewMs > now + LIMITS.envelopeTtlMs) return 'expires_too_late'\n`,
    gone: '',
    test: unit('p2p/intake.test.ts'),
  },
  {
    name: 'R17: another process with our key is noticed',
    file: 'src/p2p/intake.ts',
    guard: `    this.#init.onOwnKeyElsewhere?.(boot)\n`,
    gone: '',
    test: unit('p2p/intake.test.ts', 'R17'),
  },
  {
    name: 'R15: a subscription without right is dropped',
    file: 'src/p2p/topic-rights.ts',
    guard: `    if (refusal !== undefined) this.#setAside(peer, topic, refusal)\n`,
    gone: `    void refusal\n`,
    test: unit('p2p/topic-rights.test.ts', 'R15'),
  },
  {
    name: 'R15: a peer without right is in no mesh',
    file: 'src/p2p/topic-rights.ts',
    guard: `    if (this.#refusal(peer, topic) !== undefined) this.#remove(peer, topic)\n`,
    gone: '',
    test: unit('p2p/topic-rights.test.ts', 'R15'),
  },
  {
    name: 'incident 8: the sender of an oversized message hears of it',
    file: 'src/p2p/messenger.ts',
    guard: `      if (bytes > maxBytes)\n`,
    gone: `      if (bytes < 0)\n`,
    test: incident('08-oversized-message.test.ts'),
  },
  ...RELAY_GUARDS,
]
