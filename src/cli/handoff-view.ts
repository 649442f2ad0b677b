import { WIDE } from './layout.ts'
import { at, facts, listAt, numberAt, textAt } from './view.ts'

/** GET /rotation/handoff for a person: what is listed now, then own lists with their signatures, whole to be copied. */
export function handoffText(answer: unknown): string {
  const rotation = at(answer, 'rotation')
  const pendingId = textAt(rotation, 'pendingId')
  const listed = handoffLines(at(rotation, 'handoff'))
  const now =
    pendingId === undefined ? 'no rotation is pending' : `pending set ${pendingId}\n${listed ?? 'nothing is listed'}`
  return [now, ...listAt(answer, 'lists').map((list) => listText(list, pendingId))].join('\n\n')
}

/** The handoff of `rotation status`; undefined where nobody lists anything. */
export function handoffLines(handoff: unknown): string | undefined {
  const items = listAt(handoff, 'items')
  const holding = listAt(handoff, 'holding').map((key) => textAt(key) ?? '?')
  if (items.length + holding.length === 0) return undefined
  const cosigned = new Set(listAt(handoff, 'cosigned').map((key) => textAt(key) ?? '?'))
  const lines = items.map((item) => itemLine(item, cosigned))
  return [...holding.map((key) => `held by ${key}: more will be listed`), ...lines].join('\n')
}

function itemLine(item: unknown, cosigned: ReadonlySet<string>): string {
  const missing = listAt(item, 'missing').length
  const by = listAt(item, 'listedBy').length
  const failure = textAt(item, 'failure')
  const state =
    at(item, 'own') !== true
      ? `${textAt(item, 'signature') === undefined ? '' : 'signed, '}not listed here`
      : textAt(item, 'signature') !== undefined
        ? 'signed'
        : missing > 0
          ? at(item, 'tooLate') === true
            ? TOO_LATE
            : 'waiting for others to list it'
          : failure === undefined
            ? 'being signed'
            : 'not signed yet'
  const listedBy = listAt(item, 'listedBy').map((key) => `\n    listed by      ${textAt(key) ?? '?'}`)
  const notBy = listAt(item, 'missing').map((one) => {
    const key = textAt(one) ?? '?'
    return `\n    not listed by  ${key}${cosigned.has(key) ? ', which says that it has co-signed: it can list nothing more' : ''}`
  })
  const why = state === 'not signed yet' ? [`\n    because        ${failure}`] : []
  return `${named(item)}  ${state} · listed by ${by}${[...listedBy, ...notBy, ...why].join('')}`
}

/** What its operator must hear: the rotation stands still for it. */
const TOO_LATE = 'TOO LATE: list again without it, and sign it after the rotation (`countersign rotation recall`)'

function listText(list: unknown, pendingId: string | undefined): string {
  const id = textAt(list, 'pendingId') ?? '?'
  const isOver = id !== pendingId
  const signatures = listAt(list, 'items').map(
    (item) =>
      `${named(item)}\n  ${textAt(item, 'signature') ?? (isOver ? 'NOT SIGNED: see `countersign rotation recall`' : 'not signed yet')}`,
  )
  const former = listAt(list, 'former').map((item) => `${named(item)}\n  ${textAt(item, 'signature') ?? '?'}`)
  return facts(
    [
      ['own list for', id],
      ['old key', textAt(list, 'groupKey')],
      ['listed', new Date(numberAt(list, 'listedAtMs') ?? 0).toISOString()],
      ['signatures', signatures.join('\n') || 'nothing is listed'],
      ['no longer listed', former.join('\n') || undefined],
    ],
    WIDE,
  )
}

const named = (item: unknown): string => {
  const root = textAt(item, 'merkleRoot') ?? '?'
  return `${textAt(item, 'digest') ?? '?'}${root === 'none' ? '' : ` merkle root ${root}`}`
}
