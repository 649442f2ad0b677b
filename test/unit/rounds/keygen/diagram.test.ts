import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { KEYGEN_STEPS, type KeygenEvent, keygenStep } from '../../../../src/rounds/keygen/index.ts'
import { Network, type SimNode } from './harness.ts'

const page = readFileSync(join(import.meta.dirname, '../../../../docs/ROUNDS.md'), 'utf8')
const diagrams = [...page.matchAll(/```mermaid\nstateDiagram-v2\n([\s\S]*?)```/g)].map(([, text = '']) => text)
const diagram = diagrams.find((text) => text.includes('[*] --> idle')) ?? ''
const drawn = new Set([...diagram.matchAll(/^ {2}(\w+) --> (\w+)/gm)].map(([, from, to]) => `${from} ${to}`))
/** The first member is not always the last to confirm. */
const SEEDS = [1, 2]
/** Where the others' words were there already, the phase between is passed through in one step. */
const THROUGH = ['persisting committing', 'persisting left', 'committing done']
const ENDS = / (aborted|left)$/

/** What can end an attempt, told to the first member by the second. */
function disturbances(first: SimNode, second: SimNode): readonly KeygenEvent[] {
  const wire = Uint8Array.of(1)
  const message = { kind: 'message', author: second.self, wire, payload: Uint8Array.of(255) } as const
  const boot = 1_000 + second.index
  return [
    ...Object.keys(KEYGEN_STEPS).map((step) => ({ ...message, boot, step })),
    { ...message, boot: boot + 5_000, step: 'open' },
    { kind: 'overtaken', by: second.self, attempt: first.state.params.attempt + 1 },
    { kind: 'timer', name: 'step' },
    { kind: 'timer', name: 'resend' },
  ]
}

/** Changes of the first member's phase, where it is disturbed by the nth of these as soon as it comes to a phase. */
function walked(phase: string, nth: number, seed: number): readonly string[] {
  const net = new Network({ n: 3, threshold: 2, seed })
  const [first, second] = net.nodes as [SimNode, SimNode]
  const event = disturbances(first, second)[nth]
  const seen: string[] = []
  const dispatch = net.dispatch.bind(net)
  let isDisturbed = false
  net.dispatch = (node, of) => {
    // What the others do after its end shows nothing of it.
    if (isDisturbed && first.state.phase.kind === 'aborted') return
    const before = node.state.phase.kind
    dispatch(node, of)
    const after = node.state.phase.kind
    if (node !== first) return
    if (before !== after) seen.push(`${before} ${after}`)
    if (isDisturbed || event === undefined || after !== phase) return
    isDisturbed = true
    const { state } = keygenStep(first.state, event)
    if (state.phase.kind !== after) seen.push(`${after} ${state.phase.kind}`)
    first.state = state
  }
  net.run()
  return seen
}

it('docs/ROUNDS.md should draw every way into and out of a phase of keygen, and no end that never comes', () => {
  const phases = new Set([...drawn].map((edge) => edge.split(' ')[0] ?? ''))
  for (const over of ['done', 'aborted']) phases.delete(over)
  const [first, second] = new Network({ n: 3, threshold: 2, seed: 1 }).nodes as [SimNode, SimNode]
  const seen = new Set<string>()
  for (const seed of SEEDS)
    for (const phase of phases)
      for (const nth of disturbances(first, second).keys()) for (const edge of walked(phase, nth, seed)) seen.add(edge)
  expect([...seen].filter((edge) => !THROUGH.includes(edge) && !drawn.has(edge))).toEqual([])
  expect([...drawn].filter((edge) => ENDS.test(edge) && !seen.has(edge))).toEqual([])
  // Hundreds of whole keygens.
}, 120_000)
