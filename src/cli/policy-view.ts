import { requestText } from '../base/index.ts'
import { type Layout, shortForms, WIDE } from './layout.ts'
import { ageOf, columns, dotted, listAt, numberAt, textAt } from './view.ts'

/** Of each answer, without --wide: a bridge that asks for nonsense must not push the rest off the screen. */
const MOST_SHOWN = 8
/** Of a request id. */
const SHORT_ID_CHARS = 16

/** What the policy is, and how much it lately said. */
export function policyLine(policy: unknown): string | undefined {
  const count = (answer: string, list: readonly unknown[]) =>
    list.length === 0 ? undefined : `${list.length} ${answer}`
  return dotted(
    textAt(policy, 'kind'),
    count('lately approved', listAt(policy, 'approved')),
    count('waiting', stillWaiting(policy)),
    count('refused', listAt(policy, 'refused')),
  )
}

/** Requests that this operator's policy waits for or refused, the youngest first; undefined where there are none. */
export function policyTable(policy: unknown, nowMs: number, layout: Layout): string | undefined {
  const most = layout === WIDE ? Number.POSITIVE_INFINITY : MOST_SHOWN
  const parts = [
    { answer: 'waiting', list: youngestFirst(stillWaiting(policy)) },
    { answer: 'refused', list: youngestFirst(listAt(policy, 'refused')) },
  ]
  const shown = parts.flatMap(({ answer, list }) => list.slice(0, most).map((decision) => ({ answer, decision })))
  if (shown.length === 0) return undefined
  const ids = shortIds(
    shown.map(({ decision }) => idOf(decision)),
    layout,
  )
  const rows = shown.map(({ answer, decision }) => {
    const id = idOf(decision)
    const lastAt = numberAt(decision, 'lastAtMs')
    return [
      ...[answer, ids.get(id) ?? id, layout.short(textAt(decision, 'askedBy') ?? '?')],
      ...[textAt(decision, 'times') ?? '', lastAt === undefined ? '' : `${ageOf(nowMs - lastAt)} ago`],
      [textAt(decision, 'reason') ?? '?', textAt(decision, 'detail')].filter((part) => part !== undefined).join(': '),
    ]
  })
  const more = parts.flatMap(({ answer, list }) =>
    list.length > most ? [`  ${list.length - most} more are ${answer}: --wide`] : [],
  )
  return [columns([HEAD, ...rows], '  ', layout), ...more].join('\n')
}

/** As its bridge spelt it, where that can be read. */
const idOf = (decision: unknown): string => requestText(textAt(decision, 'requestId') ?? '?')

const HEAD = ['answer', 'request', 'asked by', 'times', 'last', 'why']

/** A request that was waited for and then approved waits no more. */
function stillWaiting(policy: unknown): readonly unknown[] {
  const approved = new Map(listAt(policy, 'approved').map((d) => [nameOf(d), numberAt(d, 'lastAtMs') ?? 0]))
  return listAt(policy, 'waiting').filter((d) => (approved.get(nameOf(d)) ?? -1) < (numberAt(d, 'lastAtMs') ?? 0))
}

const nameOf = (decision: unknown): string => `${textAt(decision, 'groupKey')}/${textAt(decision, 'requestId')}`

const youngestFirst = (list: readonly unknown[]): readonly unknown[] =>
  list.toSorted((a, b) => (numberAt(b, 'lastAtMs') ?? 0) - (numberAt(a, 'lastAtMs') ?? 0))

/** Ids are as long as bridges make them; no two of the table are called the same. */
const shortIds = (ids: readonly string[], layout: Layout): ReadonlyMap<string, string> =>
  layout === WIDE
    ? new Map()
    : shortForms(
        [...new Set(ids)],
        (id, chars) => (id.length <= chars + 1 ? id : `${id.slice(0, chars)}…`),
        SHORT_ID_CHARS,
      )
