import { Worker } from 'node:worker_threads'
import { CodedError, withDeadline } from '../../base/index.ts'
import type { VmAnswers, VmEnvelope, VmHeights, VmReply, VmRequest, VmWorkerData } from './vm-protocol.ts'

export const SIMNET_MODULE = '@stacks/clarinet-sdk'
/** Loading the VM takes about half a second, a call about a millisecond; a shared test machine takes longer. */
const START_TIMEOUT_MS = 60_000
const REQUEST_TIMEOUT_MS = 30_000

/** Runs as source under type stripping and as compiled JavaScript: the worker has this file's own extension. */
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './vm-worker.ts' : './vm-worker.js', import.meta.url)

interface Waiting {
  readonly resolve: (value: VmAnswers[keyof VmAnswers]) => void
  readonly reject: (error: Error) => void
}

/** The Clarity VM in its worker. It can't go back: a reorg starts another one. */
export class Vm {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  readonly #ready = Promise.withResolvers<VmHeights>()
  #nextId = 0
  #failure: Error | undefined

  private constructor(simnetModule: string, onOutput: (text: string) => void) {
    const data: VmWorkerData = { simnetModule }
    // Its output is taken from it; flags meant for this process (`--input-type`, `--inspect`) are not passed on.
    this.#worker = new Worker(WORKER, { workerData: data, stdout: true, stderr: true, execArgv: [] })
    for (const stream of [this.#worker.stdout, this.#worker.stderr])
      stream.on('data', (chunk: Buffer) => onOutput(chunk.toString()))
    this.#worker.on('message', (reply: VmReply) => this.#receive(reply))
    this.#worker.on('error', (error) => this.#fail(vmFailed(String(error))))
    this.#worker.on('exit', (code) => this.#fail(vmFailed(`its worker ended with code ${code}`)))
  }

  /** Throws `SIMNET_MISSING` if the VM isn't installed, `VM_FAILED` if it doesn't start. */
  static async start(simnetModule: string, onOutput: (text: string) => void): Promise<{ vm: Vm; heights: VmHeights }> {
    const vm = new Vm(simnetModule, onOutput)
    try {
      const heights = await withDeadline('the Clarity VM to start', START_TIMEOUT_MS, () => vm.#ready.promise)
      return { vm, heights }
    } catch (error) {
      await vm.close()
      throw error
    }
  }

  async request<K extends VmRequest['kind']>(request: Extract<VmRequest, { kind: K }>): Promise<VmAnswers[K]> {
    if (this.#failure !== undefined) throw this.#failure
    const id = this.#nextId++
    const { promise, resolve, reject } = Promise.withResolvers<VmAnswers[keyof VmAnswers]>()
    this.#waiting.set(id, { resolve, reject })
    const envelope: VmEnvelope = { id, request }
    this.#worker.postMessage(envelope)
    try {
      return (await withDeadline(`the Clarity VM (${request.kind})`, REQUEST_TIMEOUT_MS, () => promise)) as VmAnswers[K]
    } finally {
      this.#waiting.delete(id)
    }
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }

  #receive(reply: VmReply): void {
    switch (reply.kind) {
      case 'ready':
        this.#ready.resolve(reply.heights)
        break
      case 'failed':
        this.#fail(reply.missing ? simnetMissing() : vmFailed(reply.message))
        break
      case 'answer':
        this.#waiting.get(reply.id)?.resolve(reply.value)
        break
      case 'error':
        this.#waiting.get(reply.id)?.reject(vmFailed(reply.message))
        break
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#ready.reject(this.#failure)
    for (const { reject } of this.#waiting.values()) reject(this.#failure)
  }
}

const vmFailed = (why: string) => new CodedError('VM_FAILED', `the Clarity VM failed: ${why}; start the chain again`)
const simnetMissing = () =>
  new CodedError(
    'SIMNET_MISSING',
    `the embedded chain needs the development dependency ${SIMNET_MODULE}; run \`npm ci\` without \`--omit=dev\``,
  )
