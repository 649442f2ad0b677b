import type { WotsJob } from './types.ts'

/**
 * Hash chains of one-time keys, made beside the event loop. Throws `S2Error`: `OVERLOADED` if too much waits already, `STOPPED`
 * after `stop`, `CANCELLED` with the signal (or the signal's reason, if that is coded); CodedError `CHAIN_THREAD` if a thread
 * died of it twice; TypeError on what is no job.
 */
export interface ChainHasher {
  readonly load: ChainLoad
  /** Has every thread ready; without it the first requests wait for their start. */
  start(): Promise<void>
  /** 720 or 1360 bytes each, in order; the caller's own copies. Public, so they are remembered. */
  publicKeys(jobs: readonly WotsJob[], signal?: AbortSignal): Promise<readonly Uint8Array[]>
  /**
   * 756 bytes for a message of 16, 1428 for one of 32. Signs whatever it is given: who calls has bound the key to the message
   * before (R34).
   */
  signature(job: WotsJob, message: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>
  /** Fails what waits, and resolves when no thread is left and the material is wiped. For good. */
  stop(): Promise<void>
}

/** For metrics: what is held at this moment. */
export interface ChainLoad {
  readonly threads: number
  /** Threads that were given up and have not ended yet. */
  readonly leaving: number
  /** Keys and signatures that are being made or wait for it. */
  readonly unmade: number
  /** Requests of which no thread has taken the last slice yet. */
  readonly queued: number
  /** Of remembered public keys, 8 MiB at most. */
  readonly cacheBytes: number
}

/** What HKDF makes the chain starts from, 32 bytes each. */
export interface ChainMaterial {
  readonly wots128Material: Uint8Array
  readonly wots256Material: Uint8Array
}
