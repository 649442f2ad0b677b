import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { randomBytes } from '../../src/curve/index.ts'
import type { Client } from '../../src/rpc/client/index.ts'
import { type RunningDevnet, startDevnet } from '../../test/e2e/devnet.ts'
import { startUdpProxy, type Wire } from '../../test/proxy/index.ts'
import { InspectedProcess } from './inspected.ts'
import type { StrangersDone, StrangersOrder } from './stranger-process.ts'

/** Loopback addresses that strangers come from. */
export const STRANGER_ADDRESSES = 256
/** Between signatures: what is kept of each, bindings above all, must not count as memory of strangers. */
const PAUSE_MS = 200
/** How long the node's own use of CPU is looked at. */
const IDLE_MS = 5_000

export interface FloodPlan {
  readonly strangers: number
  /** Memory is compared from here on: what is made once must not count. */
  readonly checkpoint: number
  readonly perSecond: number
  /** Signatures asked for before the flood, and at least as many during it. */
  readonly signatures: number
}

export interface FloodReport {
  readonly strangers: number
  readonly reachedIdentity: number
  readonly kept: number
  readonly heapGrowthBytes: number
  readonly rssGrowthBytes: number
  readonly cpuMsPerStranger: Readonly<Record<'tcp' | 'quic', number>>
  readonly signMs: { readonly quiet: number; readonly flooded: number; readonly during: number }
  readonly membersConnected: number
}

/**
 * A devnet of real processes whose first signer is flooded by strangers with fresh keys, from many addresses, over TCP and
 * QUIC. The first strangers, up to the checkpoint, also measure CPU, so nothing is signed meanwhile.
 */
export async function flood(plan: FloodPlan, log: (line: string) => void = () => {}): Promise<FloodReport> {
  const before = process.env.NODE_OPTIONS
  process.env.NODE_OPTIONS = `${before ?? ''} --inspect-port=0`.trim()
  const devnet = await startDevnet('--signers', '3', '--transport', 'both').finally(() => {
    if (before === undefined) delete process.env.NODE_OPTIONS
    else process.env.NODE_OPTIONS = before
  })
  const site = new Site(devnet)
  try {
    return await site.run(plan, log)
  } finally {
    await site.close()
    await devnet.stop()
  }
}

interface VictimStatus {
  readonly denials: { readonly totals: Readonly<Record<string, number>> }
  readonly members: readonly { readonly connected: boolean }[]
}

class Site {
  readonly #devnet: RunningDevnet
  readonly #victim: RunningDevnet['description']['signers'][number]
  readonly #children: ChildProcess[] = []
  readonly #proxies: Wire[] = []
  #inspected: InspectedProcess | undefined

  constructor(devnet: RunningDevnet) {
    this.#devnet = devnet
    const [victim] = devnet.description.signers
    if (victim === undefined) throw new Error('a devnet without signers')
    this.#victim = victim
  }

  async run(plan: FloodPlan, log: (line: string) => void): Promise<FloodReport> {
    const targets = { tcp: this.#tcpTargets(), quic: await this.#quicTargets() }
    const { configFile, pid } = this.#victim
    const inspected = await InspectedProcess.open(pid, join(dirname(configFile), 'signer.log'))
    this.#inspected = inspected
    const client = await this.#devnet.bridge(0)
    const quiet = await signMany(client, plan.signatures)
    log(`signing, quiet: ${median(quiet).toFixed(0)} ms median of ${quiet.length}`)

    const done: StrangersDone[] = []
    const cpu: Record<'tcp' | 'quic', number> = { tcp: 0, quic: 0 }
    const idle = await cpuPerSecond(inspected)
    for (const transport of ['tcp', 'quic'] as const) {
      const count = Math.floor(plan.checkpoint / 2)
      const [startMs, atMs] = [await inspected.cpuMs(), performance.now()]
      done.push(await this.#send({ transport, count, perSecond: plan.perSecond, targets: targets[transport] }))
      const usedMs = (await inspected.cpuMs()) - startMs
      cpu[transport] = (usedMs - (idle * (performance.now() - atMs)) / 1_000) / count
      log(`${count} strangers over ${transport}: ${cpu[transport].toFixed(2)} ms CPU each`)
    }
    const base = await inspected.memory()

    const rest = plan.strangers - plan.checkpoint
    const flooded: number[] = []
    for (const transport of ['tcp', 'quic'] as const) {
      const count = Math.floor(rest / 2)
      const sending = this.#send({ transport, count, perSecond: plan.perSecond, targets: targets[transport] })
      let isOver = false
      const over = sending.finally(() => {
        isOver = true
      })
      while (!isOver) {
        flooded.push(...(await signMany(client, 1)))
        await delay(PAUSE_MS)
      }
      done.push(await over)
      log(`${count} strangers over ${transport}, ${flooded.length} signatures so far`)
    }
    const end = await inspected.memory()
    await client.close()
    const status = await this.#status()
    return {
      strangers: done.reduce((sum, d) => sum + d.dialled, 0),
      reachedIdentity: status.denials.totals.not_in_registry ?? 0,
      kept: done.reduce((sum, d) => sum + d.kept, 0),
      heapGrowthBytes: end.heapBytes - base.heapBytes,
      rssGrowthBytes: end.rssBytes - base.rssBytes,
      cpuMsPerStranger: cpu,
      signMs: { quiet: median(quiet), flooded: median(flooded), during: flooded.length },
      membersConnected: status.members.filter((m) => m.connected).length,
    }
  }

  async close(): Promise<void> {
    this.#inspected?.close()
    for (const child of this.#children) child.kill()
    await Promise.all(this.#proxies.map((p) => p.close()))
  }

  async #send(order: StrangersOrder): Promise<StrangersDone> {
    const child = fork(join(import.meta.dirname, 'stranger-process.ts'))
    this.#children.push(child)
    child.send(order)
    const exited = once(child, 'exit').then(() => {
      throw new Error('the strangers ended by themselves')
    })
    const [done] = await Promise.race([once(child, 'message'), exited])
    child.disconnect()
    exited.catch(() => {})
    return done as StrangersDone
  }

  #tcpTargets(): StrangersOrder['targets'] {
    const address = this.#victim.addresses.find((a) => a.includes('/tcp/')) ?? ''
    return loopbackAddresses().map((localAddress) => ({ address, localAddress }))
  }

  /** libp2p's QUIC can't be told a source address; a NAT before it can. */
  async #quicTargets(): Promise<StrangersOrder['targets']> {
    const address = this.#victim.addresses.find((a) => a.includes('/udp/')) ?? ''
    const port = Number(/\/udp\/(\d+)\//.exec(address)?.[1])
    for (const localAddress of loopbackAddresses())
      this.#proxies.push(await startUdpProxy({ target: { host: '127.0.0.1', port }, localAddress }))
    return this.#proxies.map((p) => ({ address: address.replace(/\/udp\/\d+\//, `/udp/${p.port}/`) }))
  }

  async #status(): Promise<VictimStatus> {
    const answer = await fetch(new URL('/status', this.#victim.adminUrl))
    return (await answer.json()) as VictimStatus
  }
}

const loopbackAddresses = (): string[] =>
  Array.from({ length: STRANGER_ADDRESSES }, (_, i) => `127.0.${1 + (i >> 7)}.${1 + (i & 127)}`)

async function signMany(client: Client, count: number): Promise<number[]> {
  const tookMs: number[] = []
  for (let i = 0; i < count; i++) {
    const startMs = performance.now()
    await client.threshold.sign({ requestId: randomHex(), digest: randomBytes(32) })
    tookMs.push(performance.now() - startMs)
  }
  return tookMs
}

const randomHex = (): string => Buffer.from(randomBytes(16)).toString('hex')

/** What the node uses by itself, in ms per second. */
async function cpuPerSecond(inspected: InspectedProcess): Promise<number> {
  const [startMs, atMs] = [await inspected.cpuMs(), performance.now()]
  await delay(IDLE_MS)
  return (((await inspected.cpuMs()) - startMs) * 1_000) / (performance.now() - atMs)
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
