import { ROTATION_STEPS } from '../../src/rotation/index.ts'
import { KEYGEN_EFFECTS } from '../../src/rounds/index.ts'
import { type Operator, run } from '../e2e/operators.ts'
import { CrashFederation } from './federation.ts'

/** From the machines' own tables; the driver's one durable step stands before them. */
export const CRASH_STEPS: readonly string[] = ['begin', ...KEYGEN_EFFECTS, ...ROTATION_STEPS]

/**
 * Nobody complains of honest processes: what follows a complaint is played in virtual time. And before a first key there is none
 * that could sign a handoff.
 */
export const UNREACHED: ReadonlySet<string> = new Set(['publish complaint', 'sign_handoff'])

type Others = readonly Operator[]
/** What must go wrong first, and for how long. */
const CAUSES: Readonly<Record<string, { readonly step: string; readonly downMs: number }>> = {
  'publish commit': { step: 'publish trial', downMs: 1_000 },
  // Until the others show it what all have confirmed.
  'publish certified': { step: 'publish trial', downMs: 40_000 },
  // Longer than a step of the attempt may take.
  aborted: { step: 'publish open', downMs: 40_000 },
}

/**
 * Kills a real process with -9 at one step of its machines, in the making of a federation's first key, and starts it again.
 * Throws unless the rotation ends by itself, every node holds the same key, every share signs, and nobody is accused of anything.
 */
export async function crashAt(step: string): Promise<{ readonly victim: string }> {
  const federation = await CrashFederation.make()
  try {
    const { nodes } = federation
    for (const node of nodes) run(node)
    const cause = CAUSES[step]
    const [first, ...rest] = nodes as [Operator, ...Operator[]]
    if (cause !== undefined) void federation.killAt(cause.step, [first], cause.downMs)
    const others: Others = cause === undefined ? nodes : rest
    const victim = await reached(federation.killAt(step, others, 500), step)
    await federation.keysHeld()
    await federation.allSharesSign()
    const accused = /"blamed":\[\{|equivocation|NONCE_SPENT/.exec(federation.output())
    if (accused !== null) throw new Error(`an honest node is accused: ${accused[0]}`)
    return { victim: victim.name }
  } finally {
    await federation.stop()
  }
}

async function reached(victim: Promise<Operator>, step: string): Promise<Operator> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`nobody came to "${step}"`)), 150_000)
  try {
    return await Promise.race([victim, late])
  } finally {
    clearTimeout(timer)
  }
}
