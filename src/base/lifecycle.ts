/** `start` and `stop` undo each other exactly; constructors do no I/O. */
export interface Startable {
  start(signal?: AbortSignal): Promise<void>
  stop(): Promise<void>
}

/** Starts parts in order; stops them in reverse, every one of them even if one fails, then rethrows the first failure. */
export class StartStack implements Startable {
  readonly #parts: readonly Startable[]
  #started: Startable[] = []
  constructor(parts: readonly Startable[]) {
    this.#parts = parts
  }
  async start(signal?: AbortSignal): Promise<void> {
    for (const part of this.#parts) {
      try {
        await part.start(signal)
      } catch (error) {
        // The first failure is the one to be told; what then fails to stop is a consequence.
        await Promise.allSettled([this.stop()])
        throw error
      }
      this.#started.push(part)
    }
  }
  async stop(): Promise<void> {
    let failure: unknown
    for (const part of this.#started.reverse()) {
      try {
        await part.stop()
      } catch (error) {
        failure ??= error
      }
    }
    this.#started = []
    if (failure !== undefined) throw failure
  }
}
