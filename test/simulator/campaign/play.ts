import { asTranscriptHash, type PublicKey, toHex } from '../../../src/base/index.ts'
import { tweakedPublicKey } from '../../../src/crypto/index.ts'
import { curve } from '../../../src/curve/index.ts'
import { type EvidenceEntry, parseEntry } from '../../../src/rounds/evidence/entry.ts'
import { coordinatorOrder, requestHash } from '../../../src/rounds/sign/index.ts'
import type { SignResult } from '../../../src/signer/index.ts'
import { seededRandom } from '../random.ts'
import { type SimulatedNode, Simulation } from '../simulation.ts'
import { type Cheat, inTurn, wayOf } from './cheats.ts'
import { mouthOf, type Spoken } from './mouths.ts'
import {
  type Asked,
  bridgeLateMs,
  type Cast,
  drawCast,
  drawPlan,
  isHonest,
  type Plan,
  SIZE,
  THRESHOLD,
} from './plan.ts'
import { faultName, Witness } from './witness.ts'

const MINUTE_MS = 60_000
/** What is said late is heard before anybody is judged, and what is proven has been told. */
const AFTERMATH_MS = 3_000

/** One member's bridge, and what it was answered. */
interface Bridge {
  readonly node: SimulatedNode
  readonly answers: Map<Asked, SignResult>
}

/** All that a run leaves behind. */
export interface Played {
  readonly plan: Plan
  readonly cast: Cast
  readonly nodes: readonly SimulatedNode[]
  readonly witnesses: readonly Witness[]
  /** Faults that were said with intent, and in what way; and payloads of wrong shares. */
  readonly injected: ReadonlyMap<string, Cheat>
  readonly isWrong: (author: PublicKey, payload: string) => boolean
  readonly bridges: readonly Bridge[]
  readonly evidence: ReadonlyMap<SimulatedNode, readonly EvidenceEntry[]>
  /** Of answers that are no signatures of what was asked. */
  readonly isSigned: (asked: Asked, result: SignResult | undefined) => boolean
  readonly complaints: readonly string[]
  readonly slowestMs: number
  readonly hash: string
  readonly cost: string
}

/** Plays one seed to its end. Throws if a request does not complete. */
export async function play(seed: string): Promise<Played> {
  const random = seededRandom(`campaign ${seed}`)
  const plan = drawPlan(seed, random.fork('plan'))
  const witnesses = new Map<string, Witness>()
  const witnessOf = (self: PublicKey, boot: number): Witness => {
    const known = witnesses.get(`${self}/${boot}`) ?? new Witness(self)
    witnesses.set(`${self}/${boot}`, known)
    return known
  }
  const injected = new Map<string, Cheat>()
  const wrong = new Set<string>()
  const note = (spoken: Spoken): void => {
    const { author, boot, said, falsehood, cheat } = spoken
    witnessOf(author, boot).spoke(spoken)
    if (falsehood === undefined || cheat === undefined) return
    injected.set(faultName({ guilty: author, code: falsehood, ...said }), cheat)
    if (falsehood === 'invalid_share') wrong.add(`${author} ${toHex(said.payload)}`)
  }
  const sim: Simulation = new Simulation({
    ...{ seed: `campaign ${seed}`, size: SIZE, threshold: THRESHOLD, faults: plan.faults, policy: 'bridge' },
    gossipDegree: 4,
    // One of two dials the other, which spares every second handshake.
    knows: (node) => Array.from({ length: node }, (_, i) => i),
    mouth: (member) => {
      const way = () => inTurn((cast.cheats.get(indexOf(member)) ?? []).map(wayOf))
      return mouthOf(member, way, note)
    },
    onBoot: (node, process) => {
      // What a faulty member's node can prove, it owes to nobody.
      if (!isHonest(cast, node.index)) return
      const witness = witnessOf(node.publicKey, process.boot)
      process.host.judged.on((judged) => witness.hear(judged, sim.clock.now()))
    },
  })
  const indexOf = (member: PublicKey) => sim.nodes.findIndex((n) => n.publicKey === member)
  const { request, isSigned } = requestsOf(sim)
  const [first] = plan.asked
  if (first === undefined) throw new Error('nothing is asked')
  const order = coordinatorOrder(
    requestHash(request(first)),
    sim.nodes.map((n) => n.publicKey),
  )
  const cast = drawCast(order.map(indexOf), random.fork('cast'))
  try {
    await sim.start()
    await sim.clock.until('the mesh is full', MINUTE_MS, () => sim.isMeshed())
    const { bridges, slowestMs } = await perform(sim, plan, cast)
    await sim.clock.runFor(AFTERMATH_MS)
    const evidence = new Map(sim.nodes.map((n) => [n, entriesOf(n)] as const))
    const honest = new Set(sim.nodes.filter((n) => isHonest(cast, n.index)).map((n) => n.publicKey))
    return {
      ...{ plan, cast, nodes: sim.nodes, injected, bridges, evidence, isSigned, slowestMs },
      witnesses: [...witnesses.values()].filter((w) => honest.has(w.self)),
      isWrong: (author, payload) => wrong.has(`${author} ${payload}`),
      complaints: sim.complaints,
      hash: sim.trace.hash(),
      cost: sim.cost(),
    }
  } finally {
    await sim.close()
  }
}

/** Bridges ask, members die and come back, until every honest member's bridge has every answer. */
async function perform(sim: Simulation, plan: Plan, cast: Cast) {
  const { clock } = sim
  const startMs = clock.now()
  const bridges = sim.nodes.map((node): Bridge => ({ node, answers: new Map() }))
  const ask = (bridge: Bridge, asked: Asked): void => {
    const { process } = bridge.node
    if (process === undefined || bridge.answers.get(asked)?.ok) return
    void process.askAll(asked.id, asked.items, MINUTE_MS).then((result) => {
      if (process === bridge.node.process) bridge.answers.set(asked, result)
    })
  }
  for (const bridge of bridges)
    for (const asked of plan.asked) clock.after(asked.atMs + bridgeLateMs(sim.random), () => ask(bridge, asked))
  for (const { atMs, run } of incidentsOf(sim, cast, (node) => {
    for (const bridge of bridges) if (bridge.node === node) for (const asked of plan.asked) ask(bridge, asked)
  })) {
    await clock.runFor(Math.max(0, startMs + atMs - clock.now()))
    await run()
  }
  const honest = bridges.filter((b) => isHonest(cast, b.node.index))
  await clock.until('every honest bridge has every answer', 2 * MINUTE_MS, () =>
    honest.every((b) => plan.asked.every((asked) => b.answers.has(asked))),
  )
  return { bridges, slowestMs: clock.now() - startMs }
}

/** Deaths and returns, in order of time. A bridge whose node came back asks it again. */
function incidentsOf(sim: Simulation, cast: Cast, onBack: (node: SimulatedNode) => void) {
  const restarts = cast.restarts.flatMap(({ node: index, atMs, downMs }) => {
    const node = sim.node(index)
    const back = async () => {
      await sim.start([node])
      onBack(node)
    }
    return [
      { atMs, run: () => sim.crash(node) },
      { atMs: atMs + downMs, run: back },
    ]
  })
  const losses = [...cast.cheats].flatMap(([index, cheats]) => {
    const atMs = Math.floor(sim.random.between(1, 2_000))
    return cheats.includes('power lost') ? [{ atMs, run: () => sim.crash(sim.node(index), 'machine') }] : []
  })
  return [...restarts, ...losses].toSorted((a, b) => a.atMs - b.atMs)
}

function requestsOf(sim: Simulation) {
  const { current } = sim.registry
  const share = sim.node(0).disk.vault.list()[0]
  if (current.kind !== 'set' || share === undefined) throw new Error('no set was dealt')
  const { groupKey, hash: setHash } = current.set
  const request = ({ id, items }: Asked) => ({
    ...{ groupKey, setHash, transcript: asTranscriptHash(share.transcript), requestId: id, items },
  })
  const isSigned = ({ items }: Asked, result: SignResult | undefined): boolean =>
    result?.ok === true &&
    result.signatures.length === items.length &&
    items.every(({ digest, tweak }, i) =>
      curve.schnorrVerify(
        result.signatures[i] ?? new Uint8Array(64),
        digest,
        tweakedPublicKey(share.key.public, tweak),
      ),
    )
  return { request, isSigned }
}

/** What stands in the evidence file of a machine. */
function entriesOf({ disk, place }: SimulatedNode): readonly EvidenceEntry[] {
  return disk.evidence.payloads.map((payload) => {
    const entry = parseEntry(payload)
    if (entry === undefined) throw new Error(`${place} wrote evidence that can't be read`)
    return entry
  })
}
