import { ageOf, at, dotted, listAt, numberAt, textAt } from './view.ts'

/** `lastReload` of GET /status. */
export function lastReloadLine(reload: unknown, nowMs: number): string | undefined {
  const atMs = numberAt(reload, 'atMs')
  return atMs === undefined ? undefined : `${ageOf(nowMs - atMs)} ago: ${reloadText(reload, nowMs)}`
}

const TRIGGERS: Readonly<Record<string, string>> = {
  admin: '`countersign reload`',
  signal: 'SIGHUP',
  file: 'file change',
}

/** A reload's report for a person. */
export function reloadText(reload: unknown, nowMs: number): string {
  const refusals = listAt(reload, 'refusals').map((r) => dotted(textAt(r, 'key'), textAt(r, 'reason')) ?? '?')
  if (refusals.length > 0) return ['nothing was applied', ...refusals].join('\n')
  if (textAt(reload, 'result') === 'unchanged') return unchangedText(at(reload, 'appliedBefore'), nowMs)
  return changesText(reload) ?? textAt(reload, 'result') ?? 'unknown'
}

/** The node that watches its file is mostly quicker than who asks for a reload: then what it did is the answer. */
function unchangedText(applied: unknown, nowMs: number): string {
  const atMs = numberAt(applied, 'atMs')
  const runs = 'the file says what runs already'
  if (atMs === undefined) return runs
  const trigger = textAt(applied, 'trigger') ?? '?'
  return `${runs}, applied ${ageOf(nowMs - atMs)} ago by ${TRIGGERS[trigger] ?? trigger}:\n${changesText(applied) ?? '?'}`
}

function changesText(report: unknown): string | undefined {
  const changes = listAt(report, 'changes').map((c) => {
    const entries = (sign: string, list: string) => listAt(c, list).map((e) => `  ${sign} ${textAt(e) ?? '?'}`)
    return [textAt(c, 'key') ?? '?', ...entries('+', 'added'), ...entries('-', 'removed')].join('\n')
  })
  return changes.length === 0 ? undefined : changes.join('\n')
}
