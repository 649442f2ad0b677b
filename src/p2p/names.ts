import { lookup, Resolver } from 'node:dns/promises'
import { BoundedMap, type Clock, CodedError } from '../base/index.ts'
import { expiryOn, unlessAborted } from './expiry.ts'
import type { HostAddress, NameOrigin, ResolveHost } from './resolve.ts'

/** One name, all its tries: name servers answer in tens of milliseconds; who runs a name may let it hang for ever. */
const LOOKUP_MS = 3_000
/** Per try; two of them fit into `LOOKUP_MS`. */
const TRY_MS = 1_200
/** Lookups of names that members told at once: a UDP socket each. One dial has at most 2 such names of each list. */
const MAX_TOLD_AT_ONCE = 32
/** A told name that failed is not asked for again this long; a configured one may just have been entered. */
const FAILED_MS = { configured: 2_000, told: 60_000 } as const
const MAX_FAILED = 1_024

/** Asks name servers, and leaves off when the signal aborts. */
export type AskNameServers = (host: string, family: 0 | 4 | 6, signal: AbortSignal) => Promise<readonly HostAddress[]>
/** Asks the machine, hosts file included; can't be called off. */
export type AskSystem = (host: string, family: 0 | 4 | 6) => Promise<readonly HostAddress[]>

/** `servers` replaces the machine's own ones. Not getaddrinfo: that takes a thread of a pool of four until it ends. */
export const nameServers =
  (servers?: readonly string[]): AskNameServers =>
  async (host, family, signal) => {
    signal.throwIfAborted()
    const resolver = new Resolver({ timeout: TRY_MS, tries: 2 })
    if (servers !== undefined) resolver.setServers(servers)
    const cancel = () => resolver.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      const found = async (of: 4 | 6): Promise<HostAddress[]> => {
        const all = of === 4 ? await resolver.resolve4(host) : await resolver.resolve6(host)
        return all.map((address) => ({ address, family: of }))
      }
      const families = family === 0 ? ([4, 6] as const) : [family]
      const answers = await Promise.allSettled(families.map(found))
      const addresses = answers.flatMap((a) => (a.status === 'fulfilled' ? a.value : []))
      const failure = answers.find((a) => a.status === 'rejected')
      if (addresses.length === 0 && failure !== undefined) throw failure.reason
      return addresses
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }

export const askSystem: AskSystem = async (host, family) =>
  (await lookup(host, { all: true, family })).map((a) => ({ address: a.address, family: a.family === 6 ? 6 : 4 }))

export interface NamesInit {
  readonly clock: Clock
  readonly askNameServers?: AskNameServers
  readonly askSystem?: AskSystem
}

/**
 * Names in addresses. A member may put names of its own into its record, and its own name server may never answer, so every
 * lookup is bounded: one of a name at a time, with a deadline, few at once; a failure is believed for a while. The machine's
 * own lookup (hosts file, search domains) can't be called off, and holds up everybody's: only names that the operator
 * configured get there, if name servers don't know them, and one at a time.
 */
export class Names {
  readonly #clock: Clock
  readonly #askNameServers: AskNameServers
  readonly #askSystem: AskSystem
  readonly #running = new Map<string, Promise<readonly HostAddress[]>>()
  readonly #failed = new BoundedMap<string, number>(MAX_FAILED)
  #told = 0
  /** Ends with the last system lookup in line. */
  #system: Promise<unknown> = Promise.resolve()

  constructor(init: NamesInit) {
    this.#clock = init.clock
    this.#askNameServers = init.askNameServers ?? nameServers()
    this.#askSystem = init.askSystem ?? askSystem
  }

  /** Rejects with `UNREACHABLE` at once while a failure is fresh or too many lookups run. */
  readonly resolve: ResolveHost = (host, family, origin) => {
    const key = `${origin} ${family} ${host.toLowerCase()}`
    const running = this.#running.get(key)
    if (running !== undefined) return running
    if (this.#clock.monotonicMs() < (this.#failed.get(key) ?? 0))
      return Promise.reject(new CodedError('UNREACHABLE', 'this name was not found a moment ago', { host }))
    if (origin === 'told' && this.#told >= MAX_TOLD_AT_ONCE)
      return Promise.reject(new CodedError('UNREACHABLE', 'too many names are being looked up', { host }))
    const lookup = this.#look(key, host, family, origin)
    this.#running.set(key, lookup)
    return lookup
  }

  async #look(key: string, host: string, family: 0 | 4 | 6, origin: NameOrigin): Promise<readonly HostAddress[]> {
    if (origin === 'told') this.#told++
    try {
      const found = await this.#ask(host, family, origin)
      if (found.length === 0) throw new CodedError('UNREACHABLE', 'this name has no address', { host })
      return found
    } catch (error) {
      this.#failed.set(key, this.#clock.monotonicMs() + FAILED_MS[origin])
      throw error
    } finally {
      if (origin === 'told') this.#told--
      this.#running.delete(key)
    }
  }

  async #ask(host: string, family: 0 | 4 | 6, origin: NameOrigin): Promise<readonly HostAddress[]> {
    const expiry = expiryOn(this.#clock, 'a name server', LOOKUP_MS)
    try {
      const found = await unlessAborted(this.#askNameServers(host, family, expiry.signal), expiry.signal)
      if (found.length > 0 || origin === 'told') return found
    } catch (error) {
      if (origin === 'told') throw error
    } finally {
      expiry.done()
    }
    const own = this.#system.then(() => this.#askSystem(host, family))
    this.#system = own.catch(() => {})
    return own
  }
}
