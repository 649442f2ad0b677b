import type { Curve } from '../../curve/index.ts'

const STOP = 0
const IDLE = 1

/** What a thread and its owner tell each other while neither has turned to its events: two words of shared memory. */
export class ThreadControl {
  readonly shared: SharedArrayBuffer
  readonly #words: Int32Array

  /** `shared`: of the owner's control, on the thread. */
  constructor(shared: unknown = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)) {
    if (!(shared instanceof SharedArrayBuffer)) throw new TypeError('thread control: expected shared memory')
    this.shared = shared
    this.#words = new Int32Array(shared)
  }

  stop(): void {
    Atomics.store(this.#words, STOP, 1)
  }
  get isStopped(): boolean {
    return Atomics.load(this.#words, STOP) === 1
  }

  /** The thread is out of the addon for good: it may be stopped by force. */
  tellIdle(): void {
    Atomics.store(this.#words, IDLE, 1)
    Atomics.notify(this.#words, IDLE)
  }
  /** Stands still until then, at most `timeoutMs`: for a process that is ending and takes no more turns of its loop. */
  waitIdle(timeoutMs: number): void {
    Atomics.wait(this.#words, IDLE, 0, timeoutMs)
  }
}

/** The same curve, but every call looks first whether it is still wanted, and throws if not. */
export function interruptible(port: Curve, control: Pick<ThreadControl, 'isStopped'>): Curve {
  return new Proxy(port, {
    get(target, name) {
      const found: unknown = Reflect.get(target, name)
      if (typeof found !== 'function') return found
      return (...args: readonly unknown[]) => {
        if (control.isStopped) throw new Error('nobody waits for this key any more')
        return Reflect.apply(found, target, args)
      }
    },
  })
}
