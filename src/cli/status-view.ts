import { narrowLayout, WIDE } from './layout.ts'
import { membersText } from './member-view.ts'
import { policyLine, policyTable } from './policy-view.ts'
import { lastReloadLine } from './reload-view.ts'
import { rotationText } from './rotation-view.ts'
import { auditLine, s2Line } from './s2-view.ts'
import { ageOf, at, columns, dotted, facts, listAt, named, numberAt, textAt } from './view.ts'

const STATES: Readonly<Record<string, string>> = {
  waiting: 'waiting: its key is in no set yet',
  pending: 'pending: its key is in a set that is being made',
  signer: 'signer: its key is in the current set',
  removed: 'removed: its key left the set, and no set that this operator approved has it',
}

/** GET /status for a person: at most 100 columns wide, or everything whole. */
export function statusText(status: unknown, nowMs: number, wide = false): string {
  const layout = wide ? WIDE : narrowLayout(status)
  const state = textAt(status, 'state')
  const held = at(status, 'key', 'held')
  const parts = [
    facts(
      [
        ['state', state === undefined ? 'unknown' : (STATES[state] ?? state)],
        ['health', healthLine(at(status, 'health'), nowMs)],
        ['public key', textAt(status, 'publicKey')],
        ['PeerID', textAt(status, 'peerId')],
        ['next key', nextKeyLine(at(status, 'nextKey'))],
        ['network', dotted(textAt(status, 'network'), textAt(status, 'contract'))],
        ['registry', registryLine(at(status, 'registry'), nowMs)],
        ['set', setLine(status)],
        [
          'group key',
          dotted(
            textAt(status, 'key', 'groupKey'),
            held === true ? 'share held' : held === false ? 'NO SHARE HERE' : undefined,
          ),
        ],
        [
          'addresses',
          listAt(status, 'addresses')
            .map((a) => textAt(a) ?? '?')
            .join('\n') || undefined,
        ],
        ['clock', clockLine(status)],
        ['THIS KEY', elsewhereLine(status, nowMs)],
        ['ACCUSED', accusedLine(status)],
        ['evidence', evidenceLine(status)],
        ['seed', s2Line(at(status, 's2'))],
        ['audit log', auditLine(at(status, 'audit'))],
        ['policy', policyLine(at(status, 'policy'))],
        ['denials', denialsLine(status)],
        ['curve', curveLine(at(status, 'curve'))],
        ['last reload', lastReloadLine(at(status, 'lastReload'), nowMs)],
      ],
      layout,
    ),
  ]
  const members = listAt(status, 'members')
  if (members.length > 0) parts.push(`members\n${membersText(members, nowMs, layout)}`)
  const requests = policyTable(at(status, 'policy'), nowMs, layout)
  if (requests !== undefined) parts.push(`signing requests\n${requests}`)
  const recalled = listAt(status, 'recalled')
  if (recalled.length > 0) parts.push(`recalled sets\n${columns(recalled.map(recalledRow), '  ', layout)}`)
  const rotation = at(status, 'rotation')
  if (rotation !== undefined && rotation !== null)
    parts.push(`rotation\n${indent(rotationText(rotation, { ...layout, width: layout.width - 2 }))}`)
  return parts.join('\n\n')
}

/** R7: whether it is loaded, and what it waits for, shows nowhere else. */
function nextKeyLine(next: unknown): string | undefined {
  const key = textAt(next, 'publicKey')
  if (key === undefined) return undefined
  if (at(next, 'inUse') === true) return `${key} · in use: make it key_file, and take the next_… keys out of the config`
  if (at(next, 'onChain') === true) return `${key} · on chain: the node moves to it`
  if (at(next, 'approved') === true) return `${key} · in the pending set that this operator approved`
  return `${key} · loaded; neither the chain nor an approval of this operator names it`
}

/** Incident 38: in capitals, because an operator must not be the last to hear of it. */
function accusedLine(status: unknown): string | undefined {
  const accusations = listAt(status, 'evidence', 'accusations')
  const [first] = accusations
  if (first === undefined) return undefined
  const more = accusations.length === 1 ? '' : `, and ${accusations.length - 1} more`
  return `THIS NODE, WITH PROOF: ${textAt(first, 'code') ?? '?'} (evidence show ${(textAt(first, 'id') ?? '?').slice(0, 12)})${more}`
}

function evidenceLine(status: unknown): string | undefined {
  const failure = textAt(status, 'evidence', 'failure')
  if (failure !== undefined) return `CAN'T BE RECORDED: ${failure}`
  const records = numberAt(status, 'evidence', 'records') ?? 0
  return records === 0 ? undefined : `${records} recorded (evidence list)`
}

function healthLine(health: unknown, nowMs: number): string {
  if (at(health, 'ok') === true) return 'green'
  const red = listAt(health, 'checks').filter((c) => at(c, 'ok') === false)
  const lines = red.map((c) => {
    const since = numberAt(c, 'sinceMs')
    const age = since === undefined ? '' : ` (for ${ageOf(nowMs - since)})`
    return `${textAt(c, 'name') ?? '?'}: ${textAt(c, 'reason') ?? 'no reason given'}${age}`
  })
  return at(health, 'ok') === false ? ['RED', ...lines].join('\n') : 'unknown'
}

function registryLine(registry: unknown, nowMs: number): string | undefined {
  const readAt = numberAt(registry, 'lastReadAtMs')
  const failure = textAt(registry, 'lastFailure', 'reason')
  const agreedBy = listAt(registry, 'evidence', 'endpoints')
  return dotted(
    named('stacks block', textAt(registry, 'stacksHeight')),
    named('bitcoin block', textAt(registry, 'burnHeight')),
    readAt === undefined ? undefined : `read ${ageOf(nowMs - readAt)} ago`,
    agreedBy.length === 0 ? undefined : `agreed by ${agreedBy.map((e) => textAt(e) ?? '?').join(', ')}`,
    at(registry, 'kind') === 'uninitialised' ? 'uninitialised' : undefined,
    failure === undefined ? undefined : `last failure: ${failure}`,
  )
}

function setLine(status: unknown): string | undefined {
  const [threshold, size] = [textAt(status, 'set', 'threshold'), textAt(status, 'set', 'size')]
  // An older node does not say; whom it has the role of a signer for may be fewer.
  const count = size ?? `at least ${listAt(status, 'members').filter((m) => at(m, 'role') === 'signer').length}`
  return dotted(threshold === undefined ? undefined : `${threshold} of ${count}`, textAt(status, 'set', 'hash'))
}

function denialsLine(status: unknown): string | undefined {
  const totals = at(status, 'denials', 'totals')
  if (typeof totals !== 'object' || totals === null) return undefined
  const counts = Object.keys(totals).map((reason) => `${textAt(reason) ?? '?'} ${textAt(totals, reason) ?? '?'}`)
  return counts.length === 0 ? 'none' : counts.join(', ')
}

function curveLine(curve: unknown): string | undefined {
  const fallback = textAt(curve, 'fallback')
  return dotted(textAt(curve, 'backend'), fallback === undefined ? undefined : `SLOW: ${fallback}`)
}

/** How this machine's clock stands to the members'. */
function clockLine(status: unknown): string | undefined {
  const offsetMs = numberAt(status, 'clock', 'offsetMs')
  const witnesses = textAt(status, 'clock', 'witnesses')
  if (offsetMs === undefined) return undefined
  const way = offsetMs > 0 ? 'behind' : 'ahead of'
  return `${(Math.abs(offsetMs) / 1000).toFixed(1)} s ${way} the median of ${witnesses ?? '?'} members`
}

function elsewhereLine(status: unknown, nowMs: number): string | undefined {
  const since = numberAt(status, 'keyInUseElsewhere', 'sinceMs')
  return since === undefined
    ? undefined
    : `SPEAKS FROM ANOTHER NODE, heard ${ageOf(nowMs - since)} ago; nothing is signed`
}

/** GET /rotation/recalled for a person. */
export function recalledText(answer: unknown): string {
  const recalled = listAt(answer, 'recalled')
  const replaced = listAt(answer, 'replaced')
  if (recalled.length + replaced.length === 0) return 'no set that this node was a member of has been replaced'
  return [
    recalled.length === 0 ? 'no set is recalled' : `recalled\n${columns(recalled.map(recalledRow))}`,
    ...(replaced.length === 0 ? [] : [`replaced\n${columns(replaced.map(replacedRow))}`]),
  ].join('\n\n')
}

const replacedRow = (set: unknown): readonly string[] => [
  textAt(set, 'setHash') ?? '?',
  `${textAt(set, 'threshold') ?? '?'} of ${listAt(set, 'keys').length}`,
  `key ${textAt(set, 'groupKey') ?? '?'}`,
  shareOf(set),
]

/** R7: a share that is sealed to an earlier key of this node is there, and of no use under the key of now. */
function shareOf(set: unknown): string {
  const earlier = textAt(set, 'earlierKey')
  if (earlier !== undefined)
    return `share of this node's earlier key ${earlier}: can't be recalled under the key in use`
  return at(set, 'keyHeld') === true ? 'share held' : 'NO SHARE HERE'
}

function recalledRow(set: unknown): readonly string[] {
  const expiresAt = numberAt(set, 'expiresAtMs')
  const until = expiresAt === undefined ? '' : `until ${new Date(expiresAt).toISOString()}`
  const why = textAt(set, 'earlierKey') === undefined ? ': the registry is stale' : ''
  return [...replacedRow(set), until, at(set, 'admitted') === true ? 'admitted' : `NOT ADMITTED${why}`]
}

const indent = (text: string): string => text.replace(/^/gm, '  ')
