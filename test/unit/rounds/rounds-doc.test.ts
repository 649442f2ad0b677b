import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { LIMITS } from '../../../src/base/index.ts'
import { type Action, ROTATION_STEPS, type WaitingFor } from '../../../src/rotation/decide.ts'
import { ENTRY_JUDGEMENTS, EVIDENCE_CODES, NOT_PROVEN } from '../../../src/rounds/evidence/index.ts'
import { FAULT_CODES, KEYGEN_STEPS } from '../../../src/rounds/keygen/index.ts'
import type { Phase } from '../../../src/rounds/keygen/state.ts'
import type { KeygenAbort } from '../../../src/rounds/keygen/types.ts'
import { PENDING_STEPS } from '../../../src/rounds/pending/messages.ts'
import type { KeygenProgress } from '../../../src/rounds/pending/session.types.ts'
import type { Standing } from '../../../src/rounds/sign/coordinator.types.ts'
import { DECLINE_REASONS, REFUSALS, SIGN_STEPS, type SignFailed } from '../../../src/rounds/sign/index.ts'
import type { KnownRound } from '../../../src/rounds/sign/known.ts'
import type { ParticipantState } from '../../../src/rounds/sign/participant.ts'

const ROOT = join(import.meta.dirname, '../../..')
const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const DOC = textOf('docs/ROUNDS.md')

/** The rows of a marked table, as cells without their backticks. */
function rowsOf(name: string): string[][] {
  const match = new RegExp(`<!-- ${name} -->\n([\\s\\S]*?)\n<!-- /${name} -->`).exec(DOC)
  if (match?.[1] === undefined) throw new Error(`docs/ROUNDS.md has no table ${name}`)
  const cells = (line: string) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replace(/^`([^`]*)`$/, '$1'))
  return match[1].split('\n').slice(2).map(cells)
}
const namesIn = (table: string): string[] => rowsOf(table).map(([name = '']) => name)
const column = (table: string, at: number): [string, string][] =>
  rowsOf(table).map((cells) => [cells[0] ?? '', cells[at] ?? ''])

/** Every word of a union; the compiler sees to it that none is missing or made up. */
type Total<U extends string> = Readonly<Record<U, true>>
const words = (all: object): string[] => Object.keys(all)

const PHASES: Total<Phase['kind']> = {
  idle: true,
  opening: true,
  dealing: true,
  persisting: true,
  confirming: true,
  committing: true,
  trying: true,
  left: true,
  done: true,
  aborted: true,
}
const ABORTS: Total<KeygenAbort['kind']> = {
  fault: true,
  complaint: true,
  transcript_mismatch: true,
  silence: true,
  boot_changed: true,
  unusable_key: true,
  overtaken: true,
  disk: true,
  internal: true,
}
const PROGRESS: Total<KeygenProgress['phase']> = { idle: true, running: true, done: true, failed: true }
const STANDINGS: Total<Standing['at']> = { responsive: true, busy: true, waiting: true, out: true }
const OUT: Total<Extract<Standing, { at: 'out' }>['why']> = { refused: true, cheated: true, unreliable: true }
const STAGES: Total<ParticipantState['at']['stage']> = { asked: true, declined: true, spent: true }
const OWN_WORDS: Total<KnownRound['own']> = {
  unasked: true,
  asked: true,
  yes: true,
  refused: true,
  not_asked_yet: true,
  unknown_key: true,
  unknown_nonce: true,
}
const SIGN_FAILURES: Total<SignFailed['code']> = {
  TIMEOUT: true,
  REFUSED: true,
  NO_KEY: true,
  TOO_MANY_ITEMS: true,
  OVERLOADED: true,
  STOPPED: true,
}
const WAITS: Total<WaitingFor> = {
  restart: true,
  registry: true,
  approvals: true,
  keygen: true,
  handoff: true,
  cosignatures: true,
  chain: true,
}
const OUTCOMES: Total<Extract<Action, { kind: 'finish' }>['outcome']> = { done: true, superseded: true, expired: true }

/** The list in `const NAME = [...]` of a file, without what is spread into it. */
function listIn(path: string, name: string): string[] {
  const match = new RegExp(`const ${name} = \\[([^\\]]*)\\]`).exec(textOf(path))
  return [...(match?.[1] ?? '').matchAll(/'(\w+)'/g)].map(([, word = '']) => word)
}

describe('docs/ROUNDS.md should name, in their order,', () => {
  const lists: readonly (readonly [string, string, readonly string[]])[] = [
    ['the steps of signing', 'sign-steps', SIGN_STEPS],
    ["this operator's words about a round", 'own-words', words(OWN_WORDS)],
    ['where a member stands with a coordinator', 'standings', words(STANDINGS)],
    ['why a member is out of a round', 'out', words(OUT)],
    ['the stages of a member before a package', 'stages', words(STAGES)],
    ['the reasons of a decline', 'declines', DECLINE_REASONS],
    ['why a message of a sign round is not acted upon', 'refusals', REFUSALS],
    ['how a round ends that came to nothing', 'sign-failures', words(SIGN_FAILURES)],
    ['the steps of keygen', 'keygen-steps', words(KEYGEN_STEPS)],
    ['the phases of keygen', 'keygen-phases', words(PHASES)],
    ['how an attempt ends', 'keygen-aborts', words(ABORTS)],
    ['what status says of keygen', 'keygen-progress', words(PROGRESS)],
    ['the faults of keygen', 'keygen-faults', FAULT_CODES],
    ['the codes of evidence', 'evidence-codes', EVIDENCE_CODES],
    ['why a record proves nothing', 'not-proven', NOT_PROVEN],
    ['what verify says of a record', 'entry-judgements', ENTRY_JUDGEMENTS],
    ['why a record is not taken', 'evidence-refusals', listIn('src/rounds/evidence/book.ts', 'REFUSALS')],
    ['what is said of a pending set', 'pending-steps', words(PENDING_STEPS)],
    ['the actions of a rotation', 'rotation-actions', ['wait', ...ROTATION_STEPS]],
    ['what a rotation waits for', 'rotation-waits', words(WAITS)],
    ['how a rotation ends', 'rotation-outcomes', words(OUTCOMES)],
  ]
  it.each(lists)('%s', (_what, table, list) => {
    expect(list.length).toBeGreaterThan(1)
    expect(namesIn(table)).toEqual(list)
  })
})

it('docs/ROUNDS.md should say how each step of keygen travels', () => {
  expect(column('keygen-steps', 1)).toEqual(Object.entries(KEYGEN_STEPS).map(([step, { via }]) => [step, via]))
})

it('docs/ROUNDS.md should say on which topic each code of evidence is judged', () => {
  const judge = textOf('src/rounds/evidence/judge.ts')
  const topics: Readonly<Record<string, string>> = { pending: 'keygen', set: 'sign', both: 'both' }
  const judged = EVIDENCE_CODES.map((code) => [
    code,
    topics[new RegExp(`\\b${code}: \\{ in: '(\\w+)'`).exec(judge)?.[1] ?? ''],
  ])
  expect(column('evidence-codes', 1)).toEqual(judged)
})

/** Every state of the first mermaid diagram behind a phrase. */
function statesAfter(phrase: string): string[] {
  const [, diagram = ''] = DOC.slice(DOC.indexOf(phrase)).split('```')
  const arrows = [...diagram.matchAll(/(\S+) --> (\w+|\[\*\])/g)]
  return [...new Set(arrows.flatMap(([, from = '', to = '']) => [from, to]))].filter((state) => state !== '[*]')
}

it('docs/ROUNDS.md should draw every phase of keygen and every standing, and no other', () => {
  expect(statesAfter('<!-- /keygen-steps -->').toSorted()).toEqual(words(PHASES).toSorted())
  expect(statesAfter('### The coordinator').toSorted()).toEqual(words(STANDINGS).toSorted())
})

const limits: Readonly<Record<string, number>> = LIMITS

/** A product of numbers and limits, as constants are written; undefined for anything else. */
function product(expression: string): number | undefined {
  const factors = expression.split('*').map((f) => {
    const factor = f.trim()
    return factor.startsWith('LIMITS.') ? limits[factor.slice(7)] : Number(factor.replaceAll('_', ''))
  })
  const value = factors.reduce<number>((product, f) => product * (f ?? Number.NaN), 1)
  return Number.isFinite(value) ? value : undefined
}

function constantIn(path: string, name: string): number | undefined {
  const match = new RegExp(`^(?:export )?const ${name}(?:: number)? = (.+)$`, 'm').exec(textOf(join('src', path)))
  return match?.[1] === undefined ? undefined : product(match[1])
}

function duration(ms: number | undefined): string {
  if (ms === undefined) return 'no such constant'
  for (const [unit, length] of [
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1_000],
  ] as const)
    if (ms >= length && ms % length === 0) return `${ms / length} ${unit}`
  return `${ms} ms`
}
const amount = (name: string, n: number | undefined): string =>
  n === undefined ? 'no such constant' : name.endsWith('Bytes') && n % 1024 === 0 ? `${n / 1024} KiB` : `${n}`

const sources = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.includes('pb'))
    .map((path) => join(folder, path))
const ROUND_FILES = [...sources('src/rounds'), ...sources('src/rotation')]

describe('docs/ROUNDS.md should say the value of', () => {
  it('every limit that it names', () => {
    for (const [name, value] of column('limit-times', 1)) expect([name, value]).toEqual([name, duration(limits[name])])
    for (const [name, value] of column('limit-bounds', 1))
      expect([name, value]).toEqual([name, amount(name, limits[name])])
  })

  it('every constant that it names', () => {
    for (const [name = '', path = '', value] of rowsOf('file-times'))
      expect([name, path, value]).toEqual([name, path, duration(constantIn(path, name))])
    for (const [name = '', path = '', value] of rowsOf('file-bounds'))
      expect([name, path, value]).toEqual([name, path, amount(name, constantIn(path, name))])
  })

  it('every limit on which rounds and rotation rest', () => {
    const used = ROUND_FILES.flatMap((path) =>
      [...textOf(path).matchAll(/\bLIMITS\.(\w+)/g)].map(([, name = '']) => name),
    )
    const named = [...namesIn('limit-times'), ...namesIn('limit-bounds')]
    expect([...new Set(used)].toSorted()).toEqual(named.toSorted())
  })

  it('every time that stands in a file of rounds or rotation', () => {
    const standing = ROUND_FILES.flatMap((path) =>
      [...textOf(path).matchAll(/^(?:export )?const ([A-Z_]+_MS)\b/gm)].map(([, name]) => `${path} ${name}`),
    )
    expect(
      rowsOf('file-times')
        .map(([name, path]) => `src/${path} ${name}`)
        .toSorted(),
    ).toEqual(standing.toSorted())
  })
})

it('docs/ROUNDS.md should name no limit or constant in its text that is not in its tables', () => {
  const mentioned = [...DOC.matchAll(/`(max[A-Z]\w+|\w+Ms|[A-Z]+(?:_[A-Z]+)+)`/g)].map(([, name = '']) => name)
  const others = new Set([
    ...namesIn('sign-failures'),
    'KEY_IN_USE_ELSEWHERE',
    'KEYGEN_THREAD',
    'NONCE_TAKEN',
    'SIMULATION_SEEDS',
  ])
  const known = new Set(['limit-times', 'limit-bounds', 'file-times', 'file-bounds'].flatMap(namesIn))
  expect(mentioned.filter((name) => !known.has(name) && !others.has(name))).toEqual([])
})
