/** A typed event with synchronous listeners. A throwing listener never hides the event from the next one. */
export interface Listenable<T> {
  /** Returns the function that removes the listener. */
  on(listener: (value: T) => void): () => void
}

export class Emitter<T> implements Listenable<T> {
  readonly #listeners = new Set<(value: T) => void>()
  readonly #onError: (error: unknown) => void
  constructor(onError: (error: unknown) => void = () => {}) {
    this.#onError = onError
  }
  on(listener: (value: T) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
  emit(value: T): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(value)
      } catch (error) {
        this.#onError(error)
      }
    }
  }
}
