/** Values of data variables over the blocks: one entry per change. */
export class VariableHistory {
  readonly #values = new Map<string, { readonly height: number; readonly value: string }[]>()

  record(height: number, contract: string, values: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(values)) {
      const key = `${contract}.${name}`
      const changes = this.#values.get(key) ?? []
      if (changes.at(-1)?.value !== value) changes.push({ height, value })
      this.#values.set(key, changes)
    }
  }

  /** Value after the block of that height; undefined if there is no such variable, or wasn't yet. */
  at(height: number, contract: string, name: string): string | undefined {
    return this.#values.get(`${contract}.${name}`)?.findLast((change) => change.height <= height)?.value
  }
}
