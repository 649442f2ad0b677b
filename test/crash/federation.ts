import { withDeadline } from '../../src/base/index.ts'
import { holdOneKey, type Operator, Operators, run, signBy } from '../e2e/operators.ts'

const READY_MS = 150_000

/** Three real nodes, which tell every step of their machines, and a real chain without a key: the first thing they do is keygen. */
export class CrashFederation {
  readonly #operators: Operators

  private constructor(operators: Operators) {
    this.#operators = operators
  }

  static async make(): Promise<CrashFederation> {
    return new CrashFederation(await Operators.make({ founders: ['ada', 'bo', 'cyd'], settings: { level: '"debug"' } }))
  }

  get nodes(): readonly Operator[] {
    return this.#operators.all
  }

  /** Kills the first of these nodes that tells this step, at once and with -9, and starts it again after `downMs`. */
  killAt(step: string, nodes: readonly Operator[], downMs: number): Promise<Operator> {
    const { promise, resolve } = Promise.withResolvers<Operator>()
    let killed = false
    for (const node of nodes) {
      let tail = ''
      const look = (chunk: Buffer): void => {
        tail = `${tail}${chunk.toString()}`
        const lines = tail.split('\n')
        tail = lines.pop() ?? ''
        if (killed || !lines.some((line) => stepIn(line) === step)) return
        killed = true
        node.process?.child.kill('SIGKILL')
        node.process?.child.once('close', () => {
          setTimeout(() => {
            run(node)
            resolve(node)
          }, downMs)
        })
      }
      node.process?.child.stdout?.on('data', look)
      node.process?.child.stderr?.on('data', look)
    }
    return promise
  }

  /** Every node holds the key that stands on chain: all the same one. */
  async keysHeld(): Promise<void> {
    await withDeadline('every node to hold the key', READY_MS, async (signal) => {
      while (!(await holdOneKey(this.nodes))) {
        signal.throwIfAborted()
        await new Promise((next) => setTimeout(next, 500))
      }
    })
  }

  /** Two of three at a time, so that every share is used. */
  async allSharesSign(): Promise<void> {
    for (const [i, a] of this.nodes.entries()) {
      const b = this.nodes[(i + 1) % this.nodes.length] as Operator
      if (!(await signBy([a, b], `pair-${i}`, 30_000))) throw new Error(`${a.name} and ${b.name} made no signature`)
    }
  }

  /** What the nodes said since they were last started. */
  output(): string {
    return this.nodes.map((n) => `${n.process?.stdout}${n.process?.stderr}`).join('\n')
  }

  stop(): Promise<void> {
    return this.#operators.stop()
  }
}

/** The step that a line of a node's log tells of, before it is taken. */
function stepIn(line: string): string | undefined {
  try {
    const { message, step, action } = JSON.parse(line)
    if (message === 'Keygen step') return step
    return message === 'Rotation step' ? action : undefined
  } catch {
    return undefined
  }
}
