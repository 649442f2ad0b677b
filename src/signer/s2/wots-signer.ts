import type { S2Keys } from '../../crypto/index.ts'
import { wotsSecretKey } from '../../crypto/index.ts'
import { WOTS_EXPORT_USE, wotsBindingKey, wotsMessageUse } from './binding-key.ts'
import type { ChainHasher } from './chain-hasher.ts'
import { S2Error } from './errors.ts'
import type { S2Memory } from './memory.ts'
import { judgeWots } from './one-time-rules.ts'
import { jobOf, wotsMessageOf } from './shapes.ts'
import { requireWanted } from './slices.ts'
import type { S2Failure, WotsJob } from './types.ts'

type WotsMaterial = Pick<S2Keys, 'wots128Material' | 'wots256Material'>

/** Winternitz keys of one seed: each signs one message or is handed out, whichever is asked for first (R34). */
export class WotsSigner {
  readonly #memory: S2Memory
  readonly #material: WotsMaterial
  readonly #seedName: Uint8Array
  readonly #chains: ChainHasher

  /** `seedName`: the seed's MuSig2 key, x-only. */
  constructor(memory: S2Memory, material: WotsMaterial, seedName: Uint8Array, chains: ChainHasher) {
    this.#memory = memory
    this.#material = material
    this.#seedName = seedName
    this.#chains = chains
  }

  async publicKeys(jobs: readonly WotsJob[], signal?: AbortSignal): Promise<readonly Uint8Array[]> {
    requireWanted(signal)
    return this.#chains.publicKeys(jobs.map(jobOf), signal)
  }

  async signature(asked: WotsJob, askedMessage: Uint8Array): Promise<Uint8Array> {
    const job = jobOf(asked)
    const message = wotsMessageOf(job.bits, askedMessage)
    return this.#bound(job, wotsMessageUse(job.bits, message), () => this.#chains.signature(job, message))
  }

  async secretKey(asked: WotsJob): Promise<Uint8Array> {
    const job = jobOf(asked)
    const { wots128Material, wots256Material } = this.#material
    return this.#bound(job, WOTS_EXPORT_USE, () =>
      wotsSecretKey(job.bits === 128 ? wots128Material : wots256Material, job.bits, job.place),
    )
  }

  /** The answer leaves when the key's use is on disk. */
  #bound(job: WotsJob, use: Uint8Array, answer: () => Promise<Uint8Array> | Uint8Array): Promise<Uint8Array> {
    const key = wotsBindingKey(job, this.#seedName)
    return this.#memory.table.use(
      [key],
      (records) => {
        const verdict = judgeWots(records.get(key), use, this.#memory.situation('native'))
        if (verdict.kind === 'refuse') throw refusal(verdict.reason)
        if (verdict.kind === 'write') records.set(key, verdict.record)
      },
      answer,
    )
  }
}

const refusal = (reason: S2Failure): S2Error =>
  reason === 'STATE_LOST'
    ? new S2Error(reason, 'this store can not prove what the seed was used for; its operator must import the journal')
    : new S2Error(reason, 'this one-time key stands for another message, or was handed out; use another one')
