/** Whole sign rounds: 15 hosts in one process over TCP on this machine, nonce commitments handed over before. */
import { schnorr_FROST } from '@noble/curves/secp256k1.js'
import { asSetHash, asTranscriptHash, noMetrics, silentLogger, systemClock, u32be, utf8 } from '../../src/base/index.ts'
import { KeyPair, sha256 } from '../../src/curve/index.ts'
import { SignDriver } from '../../src/rounds/index.ts'
import { dealKey } from '../../test/unit/crypto/signing-keys.ts'
import { makeHost, type TestHost, until } from '../../test/unit/p2p/hosts.ts'
import { NETWORK } from '../../test/unit/p2p/kit.ts'
import { gossipRounds, type NobleKey } from '../baseline/gossip-round.ts'
import { median } from './measure.ts'
import type { Row } from './row.ts'

const [THRESHOLD, MEMBERS] = [11, 15]
const ROUNDS = 51
/** Of the baseline: each takes a second or more. */
const BASELINE_ROUNDS = 7
const BATCHES = 4
const BATCH_ITEMS = 25
const setHash = asSetHash('55'.repeat(32))
const transcript = asTranscriptHash('66'.repeat(32))
const PLAIN = { kind: 'none' } as const

/** One after the other: a host takes a few handshakes at once from a place that has proved nothing yet. */
async function connectInTurn(hosts: readonly TestHost[]): Promise<void> {
  for (const [i, { host }] of hosts.entries()) {
    const before = hosts.slice(0, i).map((o) => ({ peerId: o.host.peerId, addresses: o.host.addresses() }))
    host.keepConnected(before)
    await until('it is connected', () => new Set(host.connections().map((c) => c.peerId)).size === i)
  }
}

interface Federation {
  readonly drivers: readonly SignDriver[]
  sign(name: string, items?: number): Promise<void>
  stop(): Promise<void>
}

async function federation(): Promise<Federation> {
  const dealt = dealKey(THRESHOLD, MEMBERS)
  const { groupKey } = dealt.public
  const keys = Array.from({ length: MEMBERS }, (_, i) => KeyPair.fromSecret(sha256(u32be(i + 1))))
  const peers = keys.map((k) => k.peerId)
  const hosts: TestHost[] = keys.map((key) => makeHost(key, peers, ['tcp']))
  await Promise.all(hosts.map(({ host }) => host.start()))
  await connectInTurn(hosts).catch(async (error: unknown) => {
    // Else the process would never end.
    await Promise.all(hosts.map(({ host }) => host.stop()))
    throw error
  })
  const drivers = hosts.map(({ key, host }) => {
    const self = key.publicKey
    const share = dealt.keys.get(self)
    if (share === undefined) throw new Error('no share')
    return new SignDriver({
      ...{ network: NETWORK, self, messenger: host.messenger, asksUnready: true, consent: async () => 'yes' },
      activeKey: () => ({ setHash, groupKey, transcript, key: share }),
      ...{ clock: systemClock, logger: silentLogger, metrics: noMetrics },
    })
  })
  for (const driver of drivers) await driver.start()
  const sign = async (name: string, items = 1): Promise<void> => {
    const [first] = drivers
    const request = {
      ...{ requestId: Buffer.from(utf8(name)).toString('hex'), groupKey },
      items: Array.from({ length: items }, (_, i) => ({ digest: sha256(utf8(`${name} ${i}`)), tweak: PLAIN })),
    }
    const result = await first?.sign(request, Date.now() + 20_000)
    if (result?.ok !== true) throw new Error(`no signature: ${JSON.stringify(result)}`)
  }
  // Gossip meshes form, and pairs are handed over.
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  for (let i = 0; i < 5; i++) await tried(`warm ${i}`, () => sign(`warm ${i}`))
  const stop = async (): Promise<void> => {
    for (const driver of drivers) await driver.stop()
    await Promise.all(hosts.map(({ host }) => host.stop()))
  }
  return { drivers, sign, stop }
}

/** Medians of one round, by the clock on the wall and of the whole process's CPU. */
interface Took {
  readonly wallMs: number
  readonly cpuMs: number
}

/** What a run gave; one that fails is told and left out of the medians. */
async function tried<T>(what: string, run: () => Promise<T>): Promise<readonly T[]> {
  try {
    return [await run()]
  } catch (error) {
    console.error(`${what}:`, error)
    return []
  }
}

async function timed(rounds: number, run: (i: number) => Promise<unknown>): Promise<Took> {
  const taken: Took[] = []
  for (let i = 0; i < rounds; i++) {
    const took = await tried(`round ${i}`, async () => {
      const [cpu, before] = [process.cpuUsage(), performance.now()]
      await run(i)
      const { user, system } = process.cpuUsage(cpu)
      return { wallMs: performance.now() - before, cpuMs: (user + system) / 1_000 }
    })
    taken.push(...took)
    // Pairs come in the background of a quiet node; authors have an allowance of messages.
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return { wallMs: median(taken.map((t) => t.wallMs)), cpuMs: median(taken.map((t) => t.cpuMs)) }
}

/** Signatures per second in batches, two at once; one pair goes before, so that pairs for so many are there. */
async function batched(of: Federation): Promise<number> {
  const taken: number[] = []
  for (let i = 0; i <= BATCHES; i++) {
    const perSecond = await tried(`batch ${i}`, async () => {
      const before = performance.now()
      await Promise.all(['a', 'b'].map((name) => of.sign(`batch ${i} ${name}`, BATCH_ITEMS)))
      return (2 * BATCH_ITEMS * 1_000) / (performance.now() - before)
    })
    if (i > 0) taken.push(...perSecond)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  }
  return median(taken)
}

function nobleKey(): NobleKey {
  const { public: pub, secretShares } = schnorr_FROST.trustedDealer({ min: THRESHOLD, max: MEMBERS })
  return { public: pub, secrets: Object.values(secretShares) }
}

const sizes = `${THRESHOLD} of ${MEMBERS}`
const rounds = (of: Federation): Promise<Took> => timed(ROUNDS, (i) => of.sign(`round ${i}`))

/** The baseline first: each row is told as soon as it is measured. */
export async function* signRounds(): AsyncGenerator<Row> {
  const noble = await baseline()
  const ours = await federation()
  try {
    const took = await rounds(ours)
    yield {
      ...{ name: `sign round, ${sizes}, one process`, unit: 'ms', ours: took.wallMs, baseline: noble.wallMs },
      ...{ target: 60, targetRatio: 0.2 },
    }
    yield {
      ...{ name: `the same, CPU of all ${MEMBERS}`, unit: 'ms CPU', ours: took.cpuMs, baseline: noble.cpuMs },
      targetRatio: 0.2,
    }
    const perSecond = await batched(ours)
    yield { name: `batches of ${BATCH_ITEMS} digests, two at once, ${sizes}`, unit: 'signatures/s', ours: perSecond }
  } finally {
    await ours.stop()
  }
}

async function baseline(): Promise<Took> {
  const noble = await gossipRounds(nobleKey(), sha256(utf8('baseline')))
  try {
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    return await timed(BASELINE_ROUNDS, () => noble.prepare()())
  } finally {
    await noble.stop()
  }
}
