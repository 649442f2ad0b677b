import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { CodedError } from '../base/index.ts'

const BINARY = fileURLToPath(new URL('../../bin/countersign.js', import.meta.url))
const LOG_TAIL_CHARS = 1_500
const STOP_GRACE_MS = 8_000

/**
 * A signer as its own process: the same binary and command that an operator runs. The IPC channel carries nothing; its
 * end tells the child that its parent is gone.
 */
export class SignerProcess {
  readonly #configFile: string
  readonly #logFile: string
  #child: ChildProcess | undefined
  #exited: Promise<void> = Promise.resolve()
  #told = false

  constructor(configFile: string, logFile: string) {
    this.#configFile = configFile
    this.#logFile = logFile
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }
  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** `onOwnEnd` is called if the process ends without `stop`, with its exit code or the signal that ended it. */
  start(onOwnEnd: (how: string) => void): void {
    const log = openSync(this.#logFile, 'a', 0o600)
    const child = spawn(process.execPath, [BINARY, 'run', '--config', this.#configFile], {
      stdio: ['ignore', log, log, 'ipc'],
    })
    closeSync(log)
    this.#child = child
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        if (!this.#told) onOwnEnd(signal ?? `exit code ${code}`)
        resolve()
      })
      child.once('error', () => resolve())
    })
  }

  /** Asks the process to end, and kills it if it does not. */
  async stop(): Promise<void> {
    this.#told = true
    if (!this.running) return
    this.#child?.kill('SIGTERM')
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), STOP_GRACE_MS)
    await this.#exited
    clearTimeout(timer)
  }

  /** Throws `SIGNER_EXITED` with the end of its log. */
  async throwIfExited(name: string): Promise<void> {
    if (this.running) return
    const log = await readFile(this.#logFile, 'utf8').catch(() => '')
    throw new CodedError(
      'SIGNER_EXITED',
      `${name} stopped by itself; its log ends: ${log.slice(-LOG_TAIL_CHARS).trimEnd()}`,
    )
  }
}
