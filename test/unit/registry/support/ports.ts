import type { Clock, Counter, Gauge, LogFields, Logger, Metrics } from '../../../../src/base/index.ts'
import type { SnapshotKeeper } from '../../../../src/registry/index.ts'

/** The monotonic clock began then: whoever mixes the two is far off. */
const MONOTONIC_ZERO_MS = 900_000

/** Time that moves only when told. */
export class ManualClock implements Clock {
  #now = 1_000_000
  #jumpedMs = 0
  #timers: { at: number; fn: () => void }[] = []
  now(): number {
    return this.#now
  }
  monotonicMs(): number {
    return this.#now - this.#jumpedMs - MONOTONIC_ZERO_MS
  }
  after(delayMs: number, fn: () => void): () => void {
    const timer = { at: this.#now + delayMs, fn }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((t) => t !== timer)
    }
  }
  /** Sets the wall clock back or forth without firing anything. */
  jump(deltaMs: number): void {
    this.#now += deltaMs
    this.#jumpedMs += deltaMs
    for (const t of this.#timers) t.at += deltaMs
  }
  advance(deltaMs: number): void {
    const end = this.#now + deltaMs
    for (;;) {
      const due = this.#timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#timers = this.#timers.filter((t) => t !== due)
      this.#now = Math.max(this.#now, due.at)
      due.fn()
    }
    this.#now = end
  }
  get pending(): number {
    return this.#timers.length
  }
}

export class MemoryKeeper implements SnapshotKeeper {
  bytes: Uint8Array | undefined
  async load(): Promise<Uint8Array | undefined> {
    return this.bytes
  }
  async save(bytes: Uint8Array): Promise<void> {
    this.bytes = bytes
  }
}

/** Counts by `name{label values}`. */
export class CountingMetrics implements Metrics {
  readonly values = new Map<string, number>()
  of(name: string, label = ''): number {
    return this.values.get(`${name}{${label}}`) ?? 0
  }
  counter<L extends string>(name: string): Counter<L> {
    return {
      inc: (labels, by = 1) => {
        const key = `${name}{${Object.values(labels).join()}}`
        this.values.set(key, (this.values.get(key) ?? 0) + by)
      },
    }
  }
  gauge<L extends string>(name: string): Gauge<L> {
    return { set: (labels, value) => void this.values.set(`${name}{${Object.values(labels).join()}}`, value) }
  }
}

export class MemoryLogger implements Logger {
  readonly lines: { level: string; message: string; fields: LogFields }[] = []
  readonly #at =
    (level: string) =>
    (message: string, fields: LogFields = {}) =>
      void this.lines.push({ level, message, fields })
  debug = this.#at('debug')
  info = this.#at('info')
  warn = this.#at('warn')
  error = this.#at('error')
  child(): Logger {
    return this
  }
  messages(level: string): string[] {
    return this.lines.filter((l) => l.level === level).map((l) => l.message)
  }
}
