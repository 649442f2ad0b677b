import { fromHex } from '../../base/index.ts'
import type { Space } from '../../store/index.ts'
import {
  advanced,
  type Continuity,
  decodeTie,
  encodeTie,
  judgeContinuity,
  type LostReason,
  lost,
  type StoreTie,
} from './continuity.ts'
import { S2StateError } from './errors.ts'
import {
  type InstanceToken,
  newToken,
  type ReadToken,
  readInstanceFile,
  tokenHash,
  writeInstanceFile,
} from './instance-token.ts'

/** The store and the instance file of one seed, and whether they belong together (R32). */
export class ContinuityKeeper {
  readonly publicKey: string
  readonly #space: Space
  readonly #instanceFile: string
  #token: ReadToken
  #tie: StoreTie | undefined
  #now: Continuity

  private constructor(space: Space, instanceFile: string, publicKey: string, token: ReadToken, tie?: StoreTie) {
    this.publicKey = publicKey
    this.#space = space
    this.#instanceFile = instanceFile
    this.#token = token
    this.#tie = tie
    this.#now = judgeContinuity(token, tie, publicKey)
  }

  /** Changes nothing yet. */
  static async open(space: Space, instanceFile: string, publicKey: string): Promise<ContinuityKeeper> {
    const stored = await space.get(publicKey)
    const tie = stored === undefined ? undefined : decodeTie(stored)
    return new ContinuityKeeper(space, instanceFile, publicKey, await readInstanceFile(instanceFile), tie)
  }

  get now(): Continuity {
    return this.#now
  }
  get tie(): StoreTie | undefined {
    return this.#tie
  }

  lose(why: LostReason): void {
    this.#now = lost(why, this.#token, this.#tie)
  }

  /**
   * Nobody else may write the file: who does so takes this store's place, on another machine that shares the folder, or where the lock
   * was removed. Throws `S2_INSTANCE_CHANGED`.
   */
  async assertOwn(): Promise<void> {
    const [now, own] = [await readInstanceFile(this.#instanceFile), this.#token]
    if (JSON.stringify(now) === JSON.stringify(own)) return
    throw new S2StateError(
      'S2_INSTANCE_CHANGED',
      `the instance file ${this.#instanceFile} is not as this process left it: another server of this seed may be running; find it, and start only one of them`,
      { path: this.#instanceFile },
    )
  }

  /** A start or an orderly stop of a store that is proven: what was copied before is older from now on. */
  async advance(journal: StoreTie['journal']): Promise<void> {
    if (this.#now.standing === 'lost' || typeof this.#token === 'string') return
    await this.assertOwn()
    await this.#catchUp(this.#token)
    const { token, tie } = advanced(this.#token, this.#tie)
    await this.#put({ ...tie, journal: journal ?? tie.journal })
    await writeInstanceFile(this.#instanceFile, token)
    this.#token = token
  }

  /** Where a crash, or a file that can't be written, kept the file behind: the store is never two ahead, however often that happens. */
  async #catchUp(token: InstanceToken): Promise<void> {
    if (this.#tie === undefined || this.#tie.counter <= token.counter) return
    const level = { ...token, counter: this.#tie.counter, fresh: false }
    await writeInstanceFile(this.#instanceFile, level)
    this.#token = level
  }

  /** From now on this store and a new instance file belong together. A crash between the two writes leaves it lost, as it was. */
  async establish(): Promise<void> {
    await this.assertOwn()
    const token = newToken(fromHex(this.publicKey), 1, false)
    const kept = { generation: this.#tie?.generation ?? 0, journal: this.#tie?.journal }
    await this.#put({ tokenHash: tokenHash(token), counter: token.counter, ...kept })
    await writeInstanceFile(this.#instanceFile, token)
    this.#token = token
    this.#now = { standing: 'proven' }
  }

  /** Of a store that has been tied before; a lost one may never have been, and then there is nothing to note. */
  async note(changed: Partial<Pick<StoreTie, 'generation' | 'journal'>>): Promise<void> {
    if (this.#tie !== undefined) await this.#put({ ...this.#tie, ...changed })
  }

  async #put(tie: StoreTie): Promise<void> {
    await this.#space.put(this.publicKey, encodeTie(tie))
    this.#tie = tie
  }
}
