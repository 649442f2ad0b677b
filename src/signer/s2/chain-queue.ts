import { type ChainItem, costOf } from './chain-work.ts'

/** One thing to be made, for everybody who has asked for it by the same name meanwhile. */
export interface ChainTask {
  /** A signature is nobody else's: its name is a symbol of its own. */
  readonly name: string | symbol
  readonly item: ChainItem
  readonly made: PromiseWithResolvers<Uint8Array>
  /** `over`: made, failed, or wanted by nobody when its turn came. */
  state: 'waiting' | 'running' | 'over'
  /** Requests that wait for it. */
  wanted: number
  /** Threads that it was given to. */
  attempts: number
}

/** What one request still wants of its tasks, in order. */
interface Line {
  readonly tasks: readonly ChainTask[]
  next: number
}

/**
 * Requests in turn, one slice each: a burst of thousands lets a single key pass after a few milliseconds. Two requests may hold the
 * same task; whose turn comes first has it made for both.
 */
export class ChainQueue {
  readonly #lines = new Set<Line>()

  /** Returns the function that takes the request out again. */
  add(tasks: readonly ChainTask[]): () => void {
    const line: Line = { tasks, next: 0 }
    if (tasks.length > 0) this.#lines.add(line)
    return () => this.#lines.delete(line)
  }

  /** Tasks of whose turn it is, of about `budget` hashes and at least one task; they are running then. None when nothing waits. */
  take(budget: number): readonly ChainTask[] {
    for (const line of this.#lines) {
      this.#lines.delete(line)
      const slice = nextOf(line, budget)
      if (line.next < line.tasks.length) this.#lines.add(line)
      if (slice.length > 0) return slice
    }
    return []
  }

  /** Requests that have their turn to come. */
  get size(): number {
    return this.#lines.size
  }
}

function nextOf(line: Line, budget: number): readonly ChainTask[] {
  const slice: ChainTask[] = []
  let hashes = 0
  while (line.next < line.tasks.length && hashes < budget) {
    const task = line.tasks[line.next++]
    if (task?.state !== 'waiting') continue
    task.state = 'running'
    task.attempts++
    hashes += costOf(task.item)
    slice.push(task)
  }
  return slice
}
