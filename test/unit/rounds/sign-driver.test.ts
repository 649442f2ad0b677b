import { afterEach, describe, expect, it } from 'vitest'
import {
  asSetHash,
  asTranscriptHash,
  type Clock,
  fromHex,
  LIMITS,
  type LogFields,
  type Logger,
  noMetrics,
  type PublicKey,
  silentLogger,
  systemClock,
  u32be,
} from '../../../src/base/index.ts'
import { curve, KeyPair, randomBytes, sha256 } from '../../../src/curve/index.ts'
import { tellFailed } from '../../../src/rounds/drivers/tell-failed.ts'
import { SignDriver, type SigningKey } from '../../../src/rounds/index.ts'
import type { Consent, ThresholdRequest } from '../../../src/signer/index.ts'
import { MemoryBus } from '../../fixtures/bus.ts'
import { dealKey } from '../crypto/signing-keys.ts'

const dealt = dealKey(2, 3)
const { groupKey } = dealt.public
const setHash = asSetHash('55'.repeat(32))
const transcript = asTranscriptHash('66'.repeat(32))
const pairs = new Map(
  Array.from({ length: 3 }, (_, i) => KeyPair.fromSecret(sha256(u32be(i + 1)))).map((k) => [k.publicKey, k]),
)

interface Node {
  readonly driver: SignDriver
  active: SigningKey | undefined
  consent: (request: ThresholdRequest) => Promise<Consent>
}

const running: SignDriver[] = []
afterEach(async () => {
  for (const driver of running.splice(0)) await driver.stop()
})

async function network(
  asksUnready = true,
  clock: Clock = systemClock,
  logger: Logger = silentLogger,
): Promise<{ bus: MemoryBus; nodes: readonly [Node, Node, Node] }> {
  const bus = new MemoryBus()
  const nodes: Node[] = []
  for (const self of dealt.members) {
    const key = dealt.keys.get(self)
    const pair = pairs.get(self)
    if (key === undefined || pair === undefined) throw new Error('no key')
    const node: Node = {
      active: { setHash, groupKey, transcript, key },
      consent: async () => 'yes',
      driver: new SignDriver({
        network: 'devnet',
        self,
        messenger: bus.messenger(pair),
        activeKey: () => node.active,
        consent: (request) => node.consent(request),
        asksUnready,
        coordinatorDelayMs: 100,
        clock,
        logger,
        metrics: noMetrics,
      }),
    }
    await node.driver.start()
    running.push(node.driver)
    nodes.push(node)
  }
  return { bus, nodes: nodes as [Node, Node, Node] }
}

const request = (requestId = '61', digest = randomBytes(32)): ThresholdRequest => ({
  requestId,
  groupKey,
  items: [{ digest, tweak: { kind: 'none' } }],
})
const soon = () => Date.now() + 10_000
const verifies = (asked: ThresholdRequest, signatures: readonly Uint8Array[]): boolean =>
  signatures.length === asked.items.length &&
  asked.items.every(({ digest }, i) =>
    curve.schnorrVerify(signatures[i] ?? new Uint8Array(64), digest, fromHex(groupKey)),
  )

describe('SignDriver', () => {
  it('should sign with whoever consents', async () => {
    const { nodes } = await network()
    const asked = request()
    const result = await nodes[0].driver.sign(asked, soon())
    expect(result.ok && verifies(asked, result.signatures)).toBe(true)
  })

  it('R28: should give everybody that asks the same signature once one stands', async () => {
    const { nodes } = await network()
    const asked = request()
    const [first, again] = [await nodes[0].driver.sign(asked, soon()), await nodes[0].driver.sign(asked, soon())]
    expect(first).toEqual(again)
  })

  it('R27: should wait for a member that was not asked yet, and go on when it is', async () => {
    const { nodes } = await network()
    const asked = request()
    let ready = false
    const late = async (): Promise<Consent> => (ready ? 'yes' : 'not_asked_yet')
    nodes[1].consent = late
    nodes[2].consent = late
    const first = nodes[0].driver.sign(asked, soon())
    await new Promise((next) => setImmediate(next))
    ready = true
    const second = await nodes[1].driver.sign(asked, soon())
    const result = await first
    expect(second.ok && verifies(asked, second.signatures)).toBe(true)
    expect(result.ok && verifies(asked, result.signatures)).toBe(true)
  })

  it('should say REFUSED when too many refuse', async () => {
    const { nodes } = await network()
    nodes[1].consent = async () => 'refused'
    nodes[2].consent = async () => 'refused'
    expect(await nodes[0].driver.sign(request(), soon())).toMatchObject({ ok: false, code: 'REFUSED' })
  })

  it('should not make a refusal of consent that could not be asked', async () => {
    const { nodes } = await network()
    let broken = true
    const stumbled = Promise.withResolvers<void>()
    const stumbling = async (): Promise<Consent> => {
      if (!broken) return 'yes'
      stumbled.resolve()
      throw new Error('disk')
    }
    nodes[1].consent = stumbling
    nodes[2].consent = async () => 'refused'
    const asked = request()
    const first = nodes[0].driver.sign(asked, soon())
    await stumbled.promise
    broken = false
    const second = await nodes[1].driver.sign(asked, soon())
    expect(second.ok).toBe(true)
    expect((await first).ok).toBe(true)
  })

  it('should name the silent members when time runs out', async () => {
    const { nodes, bus } = await network()
    const [, b, c] = dealt.members as [PublicKey, PublicKey, PublicKey]
    bus.meddle = (e) => (e.author === b || e.author === c ? 'lose' : 'pass')
    const result = await nodes[0].driver.sign(request(), Date.now() + 300)
    expect(result).toMatchObject({ ok: false, code: 'TIMEOUT' })
    expect(result.ok ? [] : result.missing.toSorted()).toEqual([b, c].toSorted())
  })

  it('R27: should tell this operator who said nothing, who refused and whom nobody asked, of a request that failed', async () => {
    const lines: { readonly message: string; readonly fields: LogFields }[] = []
    const info: Logger['info'] = (message, fields = {}) => void lines.push({ message, fields })
    const logger: Logger = { ...silentLogger, info, child: () => logger }
    const { nodes, bus } = await network(true, systemClock, logger)
    const [, b, c] = dealt.members as [PublicKey, PublicKey, PublicKey]
    nodes[1].consent = async () => 'refused'
    nodes[2].consent = async () => 'not_asked_yet'
    const id = Buffer.from('ap-1').toString('hex')
    const result = await nodes[0].driver.sign(request(id), Date.now() + 1_000)
    expect(result).toMatchObject({ ok: false, code: 'TIMEOUT', missing: [] })
    const nobody = { unknownKey: [], unreliable: [], cheaters: [] }
    const told = { requestId: id, request: 'ap-1', code: 'TIMEOUT', missing: [], refused: [b], notAskedYet: [c] }
    expect(lines).toEqual([
      { message: 'An own signing request came to nothing', fields: { ...told, ...nobody, round: expect.any(String) } },
    ])
    bus.meddle = (e) => (e.author === c ? 'lose' : 'pass')
    await nodes[0].driver.sign(request('62'), Date.now() + 1_000)
    expect(lines[1]?.fields).toMatchObject({ requestId: '62', missing: [c], refused: [b], notAskedYet: [] })
  })

  it('should log nothing of a request that was signed, or was never begun', async () => {
    const lines: string[] = []
    const logger: Logger = { ...silentLogger, info: (message) => void lines.push(message), child: () => logger }
    const { nodes } = await network(true, systemClock, logger)
    expect((await nodes[0].driver.sign(request(), soon())).ok).toBe(true)
    nodes[0].active = undefined
    expect(await nodes[0].driver.sign(request('62'), soon())).toMatchObject({ code: 'NO_KEY' })
    // As of one too many, or too large.
    const never = { missing: [], cheaters: [], declined: new Map() }
    tellFailed(logger, { kind: 'failed', round: '62', code: 'OVERLOADED', ...never })
    expect(lines).toEqual([])
  })

  it('R9: should not sign once the key is no longer the active one', async () => {
    const { nodes } = await network()
    nodes[0].active = undefined
    expect(await nodes[0].driver.sign(request(), soon())).toMatchObject({ ok: false, code: 'NO_KEY' })
  })

  it('R9: should stop running rounds when the set is replaced, and not lend its share to those of others', async () => {
    const { nodes } = await network()
    for (const node of nodes) node.consent = async () => 'not_asked_yet'
    const pending = nodes[0].driver.sign(request('62'), soon())
    nodes[0].active = undefined
    nodes[0].driver.refresh()
    expect(await pending).toMatchObject({ ok: false, code: 'STOPPED' })
    for (const node of nodes) node.consent = async () => 'yes'
    nodes[2].active = undefined
    nodes[2].driver.refresh()
    expect(await nodes[1].driver.sign(request('63'), Date.now() + 300)).toMatchObject({ ok: false })
  })

  it('R20: should not take part with a share of another transcript', async () => {
    const { nodes } = await network()
    for (const node of nodes.slice(1))
      if (node.active !== undefined) node.active = { ...node.active, transcript: asTranscriptHash('99'.repeat(32)) }
    expect(await nodes[0].driver.sign(request('64'), Date.now() + 300)).toMatchObject({ ok: false })
  })

  it('should leave nothing running for a caller that had left before it began', async () => {
    const { nodes, bus } = await network()
    expect(await nodes[0].driver.sign(request('65'), soon(), AbortSignal.abort())).toMatchObject({ code: 'STOPPED' })
    await new Promise((next) => setImmediate(next))
    expect(bus.gossiped).toEqual([])
  })

  it('should answer a caller that leaves meanwhile, and stop its round', async () => {
    const { nodes } = await network()
    for (const node of nodes) node.consent = async () => 'not_asked_yet'
    const leaving = new AbortController()
    const result = nodes[0].driver.sign(request('66'), soon(), leaving.signal)
    leaving.abort()
    expect(await result).toMatchObject({ ok: false, code: 'STOPPED' })
  })
})

describe('a backlog that only own bridges ask for', () => {
  const MANY = 40
  /** As with policy "bridge": a member approves what its own bridge asked for. */
  async function bridges() {
    const { nodes, bus } = await network(false)
    const leaving = new AbortController()
    const asked = nodes.map((node) => {
      const approved = new Set<string>()
      node.consent = async ({ requestId }) => (approved.has(requestId) ? 'yes' : 'not_asked_yet')
      return async (request: ThresholdRequest, signal?: AbortSignal) => {
        approved.add(request.requestId)
        return await node.driver.sign(request, soon(), signal)
      }
    })
    const backlog = (of: number, count = MANY) =>
      Array.from({ length: count }, (_, i) => asked[of]?.(request(`${10_000_000 * (of + 1) + i}`), leaving.signal))
    return { bus, nodes, asked, backlog, leaving }
  }

  it('R27: should keep no node from signing what all approve', async () => {
    const { asked, backlog, leaving } = await bridges()
    const waiting = [0, 1, 2].flatMap((i) => backlog(i))
    await settled()
    const good = request('ffff')
    const results = await Promise.all(asked.map((sign) => sign(good)))
    expect(results.map((r) => r.ok)).toEqual([true, true, true])
    leaving.abort()
    expect((await Promise.all(waiting)).every((r) => r?.ok === false && r.code === 'STOPPED')).toBe(true)
  })

  it('R28: should keep no caller from a signature that this node has heard', async () => {
    const { asked, nodes, backlog, leaving } = await bridges()
    const waiting = backlog(0)
    await settled()
    const good = request('ffff')
    const first = asked[0]?.(good)
    // This node does not work at it: it is told of the signature that others make.
    nodes[0].consent = async () => 'not_asked_yet'
    const others = await Promise.all(asked.slice(1).map((sign) => sign(good)))
    expect(others.map((r) => r.ok)).toEqual([true, true])
    // Its own places are taken all the time.
    const ended = Promise.race(waiting).then(() => 'the backlog')
    expect(await Promise.race([first?.then((r) => r.ok), ended])).toBe(true)
    leaving.abort()
    await Promise.all(waiting)
  })

  it('R29: should leave room for the rounds of a handoff, and be told when it is more than a node keeps', async () => {
    const { asked, backlog, leaving } = await bridges()
    const waiting = backlog(0, LIMITS.maxSignSessions + LIMITS.maxHandoffRounds)
    const above = await asked[0]?.(request('ffff'))
    expect(above).toMatchObject({ ok: false, code: 'OVERLOADED' })
    expect(above?.ok === false && above.message).toMatch('wait for answers')
    leaving.abort()
    expect((await Promise.all(waiting)).every((r) => r?.ok === false && r.code === 'STOPPED')).toBe(true)
  })
})

describe('nonce commitments (R25)', () => {
  it('should dial nobody for them: members without a link are asked once they are heard', async () => {
    const bus = new MemoryBus()
    const asked: string[] = []
    bus.meddle = (e, to) => {
      if (e.step === 'want') asked.push(to)
      return 'pass'
    }
    const [self, ...others] = dealt.members as [PublicKey, ...PublicKey[]]
    const key = dealt.keys.get(self)
    const pair = pairs.get(self)
    if (key === undefined || pair === undefined) throw new Error('no key')
    const driver = new SignDriver({
      ...{ network: 'devnet', self, messenger: bus.messenger(pair), consent: async () => 'yes' },
      activeKey: () => ({ setHash, groupKey, transcript, key }),
      isLinked: (member) => member === others[0],
      ...{ clock: systemClock, logger: silentLogger, metrics: noMetrics },
    })
    for (const member of others) bus.messenger(pairs.get(member) as KeyPair)
    running.push(driver)
    await driver.start()
    expect(asked).toEqual([others[0]])
  })
})

/** A machine whose timers fire when the test lets them, however late. */
class StoppedClock implements Clock {
  #nowMs = 1_800_000_000_000
  #timers: { readonly dueAtMs: number; readonly fn: () => void }[] = []
  now(): number {
    return this.#nowMs
  }
  monotonicMs(): number {
    return this.#nowMs
  }
  after(delayMs: number, fn: () => void): () => void {
    const timer = { dueAtMs: this.#nowMs + delayMs, fn }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((t) => t !== timer)
    }
  }
  /** Nothing runs meanwhile; then all that is overdue does, once. */
  pause(ms: number): void {
    this.#nowMs += ms
    const due = this.#timers.filter((t) => t.dueAtMs <= this.#nowMs)
    this.#timers = this.#timers.filter((t) => t.dueAtMs > this.#nowMs)
    for (const { fn } of due) fn()
  }
}

describe('a machine that is late', () => {
  const DELAY_MS = 100
  const clock = new StoppedClock()
  const allSilent = async () => {
    const { bus, nodes } = await network(true, clock)
    await settled()
    const said: string[] = []
    bus.meddle = ({ step }) => {
      said.push(step)
      return 'lose'
    }
    const result = nodes[0].driver.sign(request(), clock.now() + 60_000)
    await settled()
    said.length = 0
    return { said, result }
  }
  /** What the others' silence makes a node say after each of these times. */
  async function saidAfter(...pausesMs: readonly number[]): Promise<string[]> {
    const { said } = await allSilent()
    for (const ms of pausesMs) {
      clock.pause(ms)
      await settled()
    }
    return said
  }

  it('should call for help as soon as a timer that is in time tells of silence', async () => {
    expect(await saidAfter(DELAY_MS + 10)).toContain('ready')
  })

  it('should hear first what came in meanwhile: a timer that is late tells nothing of the others', async () => {
    expect(await saidAfter(2 * DELAY_MS, 2 * DELAY_MS, 2 * DELAY_MS)).toEqual([])
  })

  it('should call for help for all that after a few times', async () => {
    expect(await saidAfter(2 * DELAY_MS, 2 * DELAY_MS, 2 * DELAY_MS, 2 * DELAY_MS)).toContain('ready')
  })

  it('should still end a round at its deadline', async () => {
    const { result } = await allSilent()
    clock.pause(120_000)
    expect(await result).toMatchObject({ ok: false, code: 'TIMEOUT' })
  })
})
const settled = () => new Promise((resolve) => setTimeout(resolve, 20))
