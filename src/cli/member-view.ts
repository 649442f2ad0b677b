import { fitted, type Layout, WIDE } from './layout.ts'
import { ageOf, at, columns, listAt, numberAt, textAt } from './view.ts'

/** The members of GET /status as a table. */
export const membersText = (members: readonly unknown[], nowMs: number, layout: Layout): string =>
  layout === WIDE ? wideTable(members, nowMs) : narrowTables(members, nowMs, layout)

const HEAD = ['public key', 'PeerID', 'role', 'link', 'heartbeat', 'links', 'why']

function wideTable(members: readonly unknown[], nowMs: number): string {
  const row = (member: unknown) => [
    ...namesOf(member),
    [heartbeat(member, nowMs), ...remarks(member)].join(' · '),
    listAt(member, 'links').map(linkText).join(', '),
    textAt(member, 'reason') ?? '',
  ]
  return columns([HEAD, ...members.map(row)])
}

/** One table for each reason of being here, which is mostly one; without remote addresses, and a line for each link and remark. */
function narrowTables(members: readonly unknown[], nowMs: number, layout: Layout): string {
  const rows = (member: unknown): string[][] => {
    const [first = '', ...more] = [...remarks(member), ...listAt(member, 'links').map(shortLinkText)]
    const row = [...namesOf(member).map(layout.short), heartbeat(member, nowMs), first]
    return [row, ...more.map((detail) => [...row.slice(1).map(() => ''), detail])]
  }
  const tables = [...Map.groupBy(members, (member) => textAt(member, 'reason') ?? '')].map(([reason, those]) => {
    const title = reason === '' ? [] : [fitted(`  ${reason}`, layout, layout.width)]
    return [...title, columns([NARROW_HEAD, ...those.flatMap(rows)], '    ', layout)].join('\n')
  })
  return tables.join('\n')
}

const NARROW_HEAD = ['key', 'PeerID', 'role', 'link', 'heartbeat', 'links, remarks']

function namesOf(member: unknown): readonly string[] {
  const self = at(member, 'self') === true
  const link = self ? 'this node' : at(member, 'connected') === true ? 'connected' : 'NOT CONNECTED'
  return [...['publicKey', 'peerId', 'role'].map((key) => textAt(member, key) ?? '?'), link]
}

const linkText = (link: unknown): string => linkWords(link, textAt(link, 'remoteAddress'))
const shortLinkText = (link: unknown): string => linkWords(link, undefined)

function linkWords(link: unknown, address: string | undefined): string {
  const rttMs = textAt(link, 'rttMs')
  const parts = [
    textAt(link, 'transport') ?? '?',
    textAt(link, 'direction') ?? '?',
    address,
    rttMs === undefined ? undefined : `${rttMs} ms`,
  ]
  return parts.filter((part) => part !== undefined).join(' ')
}

/** Capitals where an operator should look. */
function heartbeat(member: unknown, nowMs: number): string {
  const alive = at(member, 'alive')
  if (typeof alive !== 'boolean') return ''
  const lastAt = numberAt(member, 'lastHeartbeatAtMs')
  const age = lastAt === undefined ? undefined : ageOf(nowMs - lastAt)
  return age === undefined ? 'NEVER HEARD' : alive ? `${age} ago` : `SILENT for ${age}`
}

function remarks(member: unknown): readonly string[] {
  if (typeof at(member, 'alive') !== 'boolean') return []
  const parts = [
    at(member, 'diverges') === true ? `OTHER SET ${(textAt(member, 'claimedSetHash') ?? '?').slice(0, 8)}` : undefined,
    at(member, 'claims', 'keyHeld') === false ? 'no share' : undefined,
    at(member, 'claims', 'signing') === false ? 'not signing' : undefined,
    at(member, 'claims', 'registryFresh') === false ? 'registry stale' : undefined,
  ]
  return parts.filter((part) => part !== undefined)
}
