import { isIP } from 'node:net'
import { dirname, resolve } from 'node:path'
import type { PeerIdStr, PublicKey } from '../../base/index.ts'
import { parsePeerId, parsePublicKey, peerIdOfKey } from '../../curve/index.ts'
import { parseContractId } from '../../registry/index.ts'
import { configError, type Place } from './errors.ts'
import { type NodeAddress, parseAddress } from './multiaddr.ts'
import { nearest } from './suggest.ts'
import type { HostPort } from './types.ts'

/** Turns a TOML value into ours, or throws CONFIG_INVALID. */
export type Read<T> = (value: unknown, at: Place) => T

/** How a TOML value is called in a sentence; never the value itself. */
function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (value instanceof Date) return 'a date'
  if (typeof value === 'string') return value === '' ? 'an empty text' : 'a text'
  if (typeof value === 'number' || typeof value === 'bigint') return 'a number'
  return typeof value === 'boolean' ? 'true or false' : 'a table'
}

const wrongKind = (at: Place, wanted: string, value: unknown) =>
  configError(at, `must be ${wanted}, not ${kindOf(value)}`)

/** Text of a closed shape. */
export function text(wanted: string, pattern: RegExp): Read<string> {
  return (value, at) => {
    if (typeof value !== 'string' || value === '') throw wrongKind(at, wanted, value)
    if (!pattern.test(value)) throw configError(at, `must be ${wanted}`)
    return value
  }
}

const anyText = (wanted: string) => text(wanted, /^[^\0]+$/)

export const flag: Read<boolean> = (value, at) => {
  if (typeof value !== 'boolean') throw wrongKind(at, 'true or false', value)
  return value
}

export const path: Read<string> = (value, at) =>
  resolve(dirname(at.file), anyText('a path, as text in quotes')(value, at))

export function integer(least: number, most: number, unit: string): Read<number> {
  return (value, at) => {
    const wanted = `a whole number of ${unit} from ${least} to ${most}`
    if (typeof value !== 'number') throw wrongKind(at, wanted, value)
    if (!Number.isInteger(value) || value < least || value > most) throw configError(at, `must be ${wanted}`)
    return value
  }
}

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const

/** `"10s"` → 10000. A bare number is refused: nobody can see its unit. */
export function duration(least: string, most: string): Read<number> {
  const [leastMs = 0, mostMs = 0] = [milliseconds(least), milliseconds(most)]
  return (value, at) => {
    const wanted = `a duration with its unit (ms, s, m or h) in quotes, like "${least}"`
    if (typeof value !== 'string') throw wrongKind(at, wanted, value)
    const ms = milliseconds(value)
    if (ms === undefined) throw configError(at, `must be ${wanted}`)
    if (ms < leastMs || ms > mostMs) throw configError(at, `must be from "${least}" to "${most}"`)
    return ms
  }
}

function milliseconds(spelled: string): number | undefined {
  const [, digits, unit] = /^(\d{1,9})(ms|s|m|h)$/.exec(spelled) ?? []
  return digits === undefined ? undefined : Number(digits) * UNITS_MS[unit as keyof typeof UNITS_MS]
}

export function oneOf<T extends string>(words: readonly T[]): Read<T> {
  return (value, at) => {
    const word = words.find((w) => w === value)
    if (word !== undefined) return word
    const meant = typeof value === 'string' ? nearest(value, words) : undefined
    const list = words.map((w) => `"${w}"`).join(', ')
    throw configError(at, `must be one of ${list}${meant === undefined ? '' : ` (did you mean "${meant}"?)`}`)
  }
}

/** What tells entries of a list apart where they are texts. */
export const same = (word: string): string => word

/** A list without duplicates. `nameOf` says what makes two entries the same. */
export function list<T>(of: Read<T>, least: number, most: number, nameOf: (item: T) => string): Read<readonly T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw wrongKind(at, 'a list: [ … ]', value)
    if (value.length < least || value.length > most)
      throw configError(at, `must list ${least === most ? least : `${least} to ${most}`} entries, not ${value.length}`)
    const names = new Set<string>()
    return value.map((item: unknown, index) => {
      const entry = of(item, { ...at, key: `${at.key ?? ''}[${index}]` })
      const name = nameOf(entry)
      if (names.has(name)) throw configError(at, `lists one entry twice (number ${index + 1})`)
      names.add(name)
      return entry
    })
  }
}

/** An inline table of whole numbers, like `{ sign = 100 }`. */
export function numbers(name: Read<string>, of: Read<number>): Read<Readonly<Record<string, number>>> {
  return (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Date)
      throw wrongKind(at, 'a table on one line: { name = number }', value)
    const entries = Object.entries(value).map(([key, number]: [string, unknown]) => {
      const place = { ...at, key: `${at.key ?? ''}.${key}` }
      return [name(key, place), of(number, place)] as const
    })
    if (entries.length === 0) throw configError(at, 'must name something: { name = number }')
    return Object.fromEntries(entries)
  }
}

/** From a parser that throws TypeError. */
function parsed<T>(wanted: string, parse: (value: string) => T): Read<T> {
  return (value, at) => {
    const words = anyText(wanted)(value, at)
    try {
      return parse(words)
    } catch (error) {
      if (error instanceof TypeError) throw configError(at, `must be ${wanted}`)
      throw error
    }
  }
}

export const publicKey: Read<PublicKey> = parsed('a compressed secp256k1 public key (66 lower-case hex digits)', (v) =>
  parsePublicKey(v),
)
export const peerId: Read<PeerIdStr> = parsed('the PeerID of a secp256k1 key (16Uiu2HA…)', parsePeerId)

/** Either spelling of a peer: the key as the registry has it, or the PeerID of it as logs have it. */
export const peer: Read<PeerIdStr> = parsed(
  'a public key (66 lower-case hex digits) or the PeerID of one (16Uiu2HA…)',
  (v) => (/^[0-9a-f]{66}$/.test(v) ? peerIdOfKey(parsePublicKey(v)) : parsePeerId(v)),
)

export const contractId: Read<string> = parsed(
  'a contract, <Stacks address>.<name>, with its address unchanged to the last letter (its checksum is wrong)',
  (v) => {
    parseContractId(v)
    return v
  },
)

/** An http or https address whose every part may be shown: it is named in logs and status. */
function httpUrl(example: string): Read<string> {
  const wanted = `an address like "${example}"`
  return (value, at) => {
    const words = anyText(wanted)(value, at)
    const url = URL.canParse(words) ? new URL(words) : undefined
    if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:'))
      throw configError(at, `must be ${wanted}`)
    if (url.username !== '' || url.password !== '') throw configError(at, 'must not hold a user or password')
    if (url.search !== '' || url.hash !== '') throw configError(at, 'must end with its path: no ? and no #')
    return url.href
  }
}

const anyEndpoint = httpUrl('https://stacks.example.org:20443')
/** Base URL of a Stacks node, without a closing slash. */
export const endpoint: Read<string> = (value, at) => anyEndpoint(value, at).replace(/\/+$/, '')

/** A service of this operator. */
export const validatorUrl: Read<string> = httpUrl('https://validator.example.org/countersign')

export const hostPort: Read<HostPort> = (value, at) => {
  const wanted = '"host:port", like "127.0.0.1:9464"'
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(anyText(wanted)(value, at)) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (host === undefined || !(port <= 65_535) || (bracketed !== undefined && isIP(bracketed) !== 6))
    throw configError(at, `must be ${wanted}`)
  return { host, port }
}

/** A multiaddr that our transports can use; `/p2p/<PeerID>` at its end as `peer` says. */
export function address(
  peer: 'with PeerID' | 'PeerID or not' | 'without PeerID',
  use: 'listen' | 'dial',
): Read<NodeAddress> {
  return (value, at) => {
    const result = parseAddress(anyText('a multiaddr in quotes')(value, at))
    if (!result.ok) throw configError(at, `is not an address the node can use: ${result.reason}`)
    const { value: found } = result
    if (peer === 'with PeerID' && found.peerId === undefined)
      throw configError(at, 'must end with /p2p/PEERID: a relay is one member, whom its key proves')
    if (peer === 'without PeerID' && found.peerId !== undefined)
      throw configError(at, "must not end with /p2p/PEERID: the node's own PeerID is added by itself")
    if (use === 'listen' && found.hostKind.startsWith('dns'))
      throw configError(at, 'must be an IP address: a name can be announced, not listened at')
    if (use === 'dial' && found.port === 0) throw configError(at, 'must have the port to dial, not 0')
    return found
  }
}
