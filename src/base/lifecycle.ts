/** `start` and `stop` undo each other exactly; constructors do no I/O. */
export interface Startable {
  start(signal?: AbortSignal): Promise<void>
  stop(): Promise<void>
}

/** Starts parts in order; stops them in reverse, every one of them even if one fails, then rethrows the first failure. */
export class StartStack implements Startable {
  readonly #parts: readonly Startable[]
  #started: Startable[] = []
  #stopping: Promise<void> | undefined
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
  /** Calls meanwhile wait for the same end. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop().finally(() => {
      this.#stopping = undefined
    })
    return this.#stopping
  }
  async #stop(): Promise<void> {
    const started = this.#started
    this.#started = []
    let failure: unknown
    for (const part of started.reverse()) {
      try {
        await part.stop()
      } catch (error) {
        failure ??= error
      }
    }
    if (failure !== undefined) throw failure
  }
}
