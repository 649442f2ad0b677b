import { ageOf, at, columns, listAt, numberAt, textAt } from './view.ts'

const HEAD = ['public key', 'PeerID', 'role', 'link', 'heartbeat', 'links', 'why']

/** The members of GET /status as a table. */
export const membersText = (members: readonly unknown[], nowMs: number): string =>
  columns([HEAD, ...members.map((member) => row(member, nowMs))])

function row(member: unknown, nowMs: number): readonly string[] {
  const self = at(member, 'self') === true
  const link = self ? 'this node' : at(member, 'connected') === true ? 'connected' : 'NOT CONNECTED'
  return [
    textAt(member, 'publicKey') ?? '?',
    textAt(member, 'peerId') ?? '?',
    textAt(member, 'role') ?? '?',
    link,
    heartbeat(member, nowMs),
    listAt(member, 'links').map(linkText).join(', '),
    textAt(member, 'reason') ?? '',
  ]
}

const linkText = (link: unknown): string => {
  const rttMs = textAt(link, 'rttMs')
  const parts = [
    textAt(link, 'transport') ?? '?',
    textAt(link, 'direction') ?? '?',
    textAt(link, 'remoteAddress'),
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
  const parts = [
    age === undefined ? 'NEVER HEARD' : alive ? `${age} ago` : `SILENT for ${age}`,
    at(member, 'diverges') === true ? `OTHER SET ${(textAt(member, 'claimedSetHash') ?? '?').slice(0, 8)}` : undefined,
    at(member, 'claims', 'keyHeld') === false ? 'no share' : undefined,
    at(member, 'claims', 'signing') === false ? 'not signing' : undefined,
    at(member, 'claims', 'registryFresh') === false ? 'registry stale' : undefined,
  ]
  return parts.filter((part) => part !== undefined).join(' · ')
}
