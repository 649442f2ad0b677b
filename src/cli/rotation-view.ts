import { handoffLines } from './handoff-view.ts'
import { narrowLayout, WIDE } from './layout.ts'
import { at, dotted, facts, listAt, named, numberAt, textAt } from './view.ts'

/** What a node knows of others' rotations before its operator approves one: nothing, also of its own removal. */
const NOTHING_PENDING = `no rotation is pending here: this operator has approved none that is under way
(what only others approved does not show, even where it removes this node)`

/** GET /rotation for a person; whole by default, because operators compare what they approve. */
export function rotationText(rotation: unknown, layout = WIDE): string {
  const keys = listAt(rotation, 'keys')
  if (textAt(rotation, 'pendingId') === undefined) return NOTHING_PENDING
  const approved = new Set(listAt(rotation, 'approved').map((key) => textAt(key)))
  const marked = [...new Set([...keys, ...listAt(rotation, 'approved')].map((key) => textAt(key) ?? '?'))]
  const isNew = new Set(keys.map((key) => textAt(key)))
  // Named whole under `keys`; `missing` and the health checks do so, too.
  const { short } = narrowLayout(rotation)
  return facts(
    [
      ['pending id', textAt(rotation, 'pendingId')],
      ['threshold', `${textAt(rotation, 'threshold') ?? '?'} of ${keys.length}`],
      ['approval attempt', textAt(rotation, 'attempt')],
      ['step', dotted(textAt(rotation, 'step'), named('waiting for', textAt(rotation, 'waitingFor')))],
      ['missing', missingLines(rotation)],
      [
        'keys',
        marked
          .map(
            (key) =>
              `${key}  ${approved.has(key) ? 'approved' : 'not approved yet'}${isNew.has(key) ? '' : ' (not in the new set)'}`,
          )
          .join('\n'),
      ],
      ['keygen', keygenLines(at(rotation, 'keygen'), short)],
      ['new key', textAt(rotation, 'newKey')],
      ['handoff', handoffLines(at(rotation, 'handoff'))],
      ['last error', textAt(rotation, 'lastError')],
    ],
    layout,
  )
}

const linesOf = (keys: readonly unknown[]): readonly string[] => keys.map((key) => textAt(key) ?? '?')

/** Approvals: whose is needed, and of whom only so many. Otherwise those that are waited for. */
function missingLines(rotation: unknown): string | undefined {
  const needed = at(rotation, 'approvalsNeeded')
  const count = numberAt(needed, 'anyOf', 'count') ?? 0
  const any = linesOf(listAt(needed, 'anyOf', 'keys'))
  if (any.length === 0) return linesOf(listAt(rotation, 'missing')).join('\n') || undefined
  const who = `of the current set ${count === any.length ? `all ${count}` : `any ${count} of these ${any.length}`}:`
  return [...linesOf(listAt(needed, 'every')), who, ...any.map((key) => `  ${key}`)].join('\n')
}

/** Its attempts count by themselves within one approval attempt: one that failed shows nowhere else while the next one runs. */
function keygenLines(keygen: unknown, short: (text: string) => string): string | undefined {
  const phase = textAt(keygen, 'phase')
  if (phase === undefined || phase === 'idle') return undefined
  const attempt = `keygen attempt ${textAt(keygen, 'attempt') ?? '?'}`
  const waiting = listAt(keygen, 'waiting', 'missing')
  const now =
    phase === 'failed'
      ? `FAILED in ${attempt}, after all had confirmed: approve the set again as the next approval attempt`
      : waiting.length > 0
        ? `${attempt} goes on when they are back: no ${textAt(keygen, 'waiting', 'step') ?? 'word'} from ${linesOf(waiting).join(', ')}`
        : `${phase} · ${attempt}`
  return short([now, ...failureLines(at(keygen, 'lastFailure'))].join('\n'))
}

function failureLines(failure: unknown): readonly string[] {
  const reason = textAt(failure, 'reason')
  if (reason === undefined) return []
  const silent = linesOf(listAt(failure, 'silent')).join(', ')
  const blamed = listAt(failure, 'blamed').map((b) => `${textAt(b, 'member') ?? '?'} (${textAt(b, 'fault') ?? '?'})`)
  return [
    `keygen attempt ${textAt(failure, 'attempt') ?? '?'} failed: ${reason}`,
    ...(silent === '' ? [] : [`  no word from ${silent}`]),
    ...(blamed.length === 0 ? [] : [`  at fault: ${blamed.join(', ')} (evidence list)`]),
  ]
}
