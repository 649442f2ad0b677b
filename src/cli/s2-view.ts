import { at, dotted, facts, named, textAt } from './view.ts'

/** `GET /s2` for a person. */
export function s2Text(answer: unknown): string {
  const s2 = at(answer, 's2')
  if (textAt(s2, 'publicKey') === undefined)
    return 'this node has no secret-service seed: `countersign s2 init` makes one'
  const lost = textAt(s2, 'lostReason')
  const name = textAt(s2, 'instance') ?? '?'
  return [
    facts([
      ['seed key', textAt(s2, 'publicKey')],
      ['nonce mode', textAt(s2, 'nonceMode')],
      ['continuity', lost === undefined ? 'proven: this store remembers what the seed was used for' : `LOST: ${lost}`],
      ['generation', textAt(s2, 'generation')],
      ['journal', journalLine(at(s2, 'journal'))],
    ]),
    ...(lost === undefined
      ? []
      : [
          `What may be used once only is refused. If there is a journal of the store before: countersign s2 journal import FILE\nIf there is none, and docs/S2.md says that it is safe: countersign s2 accept --instance ${name}`,
        ]),
  ].join('\n\n')
}

const journalLine = (journal: unknown): string | undefined =>
  dotted(textAt(journal, 'path'), named('lines', textAt(journal, 'lines')), named('head', textAt(journal, 'head')))

/** Of the status, in one line. */
export function s2Line(s2: unknown): string | undefined {
  const key = textAt(s2, 'publicKey')
  if (key === undefined) return undefined
  const lost = textAt(s2, 'lostReason')
  return dotted(key, textAt(s2, 'nonceMode'), lost === undefined ? 'remembers' : `STATE LOST: ${lost} (s2 status)`)
}

export function auditLine(audit: unknown): string | undefined {
  const failure = textAt(audit, 'failure')
  if (failure !== undefined) return `CAN'T BE RECORDED: ${failure}`
  const head = textAt(audit, 'head')
  return head === undefined ? undefined : dotted(named('lines', textAt(audit, 'lines')), named('head', head))
}
