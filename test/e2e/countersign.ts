import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const BINARY = resolve(import.meta.dirname, '../../bin/countersign.js')

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A module of a test that stands in the process before the program does. */
export interface Preloaded {
  readonly module: string
  readonly env: Readonly<Record<string, string>>
}

/** The built binary as an operator runs it, in a process of its own. */
export class Countersign {
  readonly child: ChildProcess
  readonly finished: Promise<Finished>
  stdout = ''
  stderr = ''
  readonly #watchers = new Set<() => void>()

  constructor(args: readonly string[], preloaded: Preloaded | undefined = undefined) {
    const before = preloaded === undefined ? [] : ['--import', preloaded.module]
    this.child = spawn(process.execPath, [...before, BINARY, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...preloaded?.env },
    })
    this.child.stdout?.on('data', (chunk) => {
      this.stdout += String(chunk)
      for (const look of this.#watchers) look()
    })
    this.child.stderr?.on('data', (chunk) => {
      this.stderr += String(chunk)
    })
    this.finished = new Promise((done) => {
      this.child.once('close', (code) => {
        for (const look of this.#watchers) look()
        done({ code, stdout: this.stdout, stderr: this.stderr })
      })
    })
  }

  /** Resolves with the first JSON line for which `wanted` holds; rejects if the process ends before. */
  async line(wanted: (line: Readonly<Record<string, unknown>>) => boolean): Promise<Readonly<Record<string, unknown>>> {
    return await new Promise((found, fail) => {
      const look = () => {
        const line = jsonLines(this.stdout).find(wanted)
        if (line === undefined && this.child.exitCode === null && this.child.signalCode === null) return
        this.#watchers.delete(look)
        if (line !== undefined) found(line)
        else fail(new Error(`the process ended before: ${this.stdout.slice(-2_000)}${this.stderr.slice(-2_000)}`))
      }
      this.#watchers.add(look)
      look()
    })
  }

  async kill(signal: NodeJS.Signals): Promise<Finished> {
    this.child.kill(signal)
    return await this.finished
  }
}

export const countersign = (...args: readonly string[]): Countersign => new Countersign(args)

/** Complete lines only; every one must be JSON. */
export const jsonLines = (stdout: string): Readonly<Record<string, unknown>>[] =>
  stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))

export function temporaryFolder(): { readonly dir: string; readonly remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-e2e-'))
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}
