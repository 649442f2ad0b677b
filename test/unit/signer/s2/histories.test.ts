import { rmSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../../../src/base/index.ts'
import { openMusig, openMusigSession, verifyPartial } from '../../../../src/crypto/index.ts'
import type { MusigForm, NonceMode, StoredS2Service } from '../../../../src/signer/index.ts'
import { tempFolders } from '../../store/temp-folder.ts'
import { MemoryDisk } from './memory-disk.ts'
import {
  aggNonceOf,
  bytes,
  type Home,
  homeIn,
  messageOf,
  newInstance,
  OWN_KEY,
  outpoint,
  paramsOf,
  serviceOver,
  sighash,
  textOf,
  wotsJob,
} from './service-fixtures.ts'

const tempFolder = tempFolders()
const SEEDS = Number(process.env.S2_HISTORIES ?? 6)
const STEPS = 60
/** Steps in which the same few nonces and keys are asked for; then it is others' turn. */
const SEASON = 8

/** The same for one seed each time. */
function random(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const PARAMS = paramsOf()
const CONTEXT = openMusig(PARAMS, OWN_KEY)

/** What whoever listens to all answers of all servers of a seed has seen. */
class Listener {
  /** By what was asked for: every nonce that was shown. */
  readonly #shown = new Map<string, Set<string>>()
  /** By nonce: what it signed. */
  readonly #signed = new Map<string, Set<string>>()
  readonly #keys = new Map<string, Set<string>>()
  partials = 0
  oneTime = 0

  nonce(form: MusigForm, publicNonce: string): void {
    setOf(this.#shown, nameOf(form)).add(publicNonce)
  }

  partial(form: MusigForm, aggNonce: Uint8Array, message: Uint8Array, partial: string): void {
    this.partials++
    const session = openMusigSession(CONTEXT, aggNonce, message)
    const nonces = [...setOf(this.#shown, nameOf(form))].filter((publicNonce) =>
      verifyPartial(
        fromHex(partial),
        { publicKey: CONTEXT.ownPublicKey, publicNonce: fromHex(publicNonce), weight: CONTEXT.ownWeight },
        session,
        CONTEXT.port,
      ),
    )
    // A signature of a nonce that nobody was shown would say that some other one was used.
    expect(nonces).toHaveLength(1)
    setOf(this.#signed, nonces[0] ?? '').add(`${toHex(aggNonce)} ${toHex(message)}`)
  }

  oneTimeKey(job: number, use: string): void {
    this.oneTime++
    setOf(this.#keys, String(job)).add(use)
  }

  /** R30, R34: each secret has one use, whatever happened to its servers. */
  check(): void {
    for (const [nonce, uses] of this.#signed) expect([nonce, uses.size]).toEqual([nonce, 1])
    for (const [job, uses] of this.#keys) expect([job, uses.size]).toEqual([job, 1])
  }
}

const setOf = (map: Map<string, Set<string>>, key: string): Set<string> => {
  const known = map.get(key) ?? new Set<string>()
  map.set(key, known)
  return known
}
const nameOf = (form: MusigForm): string =>
  form.kind === 'sighash' ? toHex(form.sighash) : `${toHex(form.txid)}:${form.vout}`

/** One seed, the machines that it is used on, one after the other, and what may happen to them by docs/S2.md. */
class World {
  readonly heard = new Listener()
  readonly #pick: (below: number) => number
  #home: Home
  #disk = new MemoryDisk()
  #service: StoredS2Service | undefined
  #mode: NonceMode = 'native'
  readonly #backups: MemoryDisk[] = []
  #step = 0
  #journal = ''

  constructor(seed: number) {
    this.#pick = random(seed)
    this.#home = homeIn(tempFolder())
  }

  async begin(): Promise<void> {
    await newInstance(this.#home)
    await this.#start()
  }

  async end(): Promise<void> {
    await this.#stop()
  }

  async step(): Promise<void> {
    this.#step++
    // A lost store that stays lost says little.
    if (this.#running.memory.status().continuity.standing === 'lost' && this.#pick(5) === 0)
      return this.#importOwnJournal()
    const steps = [
      ...Array(4).fill(() => this.#askNonces()),
      ...Array(5).fill(() => this.#askPartials()),
      ...Array(2).fill(() => this.#askOneTimeKey()),
      ...Array(3).fill(() => this.#backUp()),
      ...Array(3).fill(() => this.#putBack()),
      () => this.#restart(),
      () => this.#crash(),
      () => this.#loseInstanceFile(),
      () => this.#loseData(),
      () => this.#moveToStandby(),
      () => this.#importOwnJournal(),
      () => this.#retire(),
      () => this.#changeMode(),
    ]
    await steps[this.#pick(steps.length)]?.()
  }

  get #running(): StoredS2Service {
    if (this.#service === undefined) throw new Error('nothing runs')
    return this.#service
  }

  #form(): MusigForm {
    const n = 2 * Math.floor(this.#step / SEASON) + this.#pick(2)
    return this.#pick(2) === 0 ? sighash(n) : outpoint(n)
  }

  async #askNonces(): Promise<void> {
    const forms = [this.#form(), this.#form()]
    const outcomes = await this.#running.musigNonces(PARAMS, forms)
    for (const [i, outcome] of outcomes.entries()) {
      const form = forms[i]
      if (outcome.ok && form !== undefined) this.heard.nonce(form, textOf(outcome))
    }
  }

  async #askPartials(): Promise<void> {
    const item = () => {
      const form = this.#form()
      const message = form.kind === 'sighash' ? form.sighash : messageOf(this.#pick(2))
      return { form, aggNonce: aggNonceOf(this.#pick(2)), message }
    }
    const calls = [[item(), item()], [item()]]
    // Two calls in one tick, one of them a batch.
    const answers = await Promise.all(calls.map((items) => this.#running.musigPartials(PARAMS, items)))
    for (const [c, outcomes] of answers.entries())
      for (const [i, outcome] of outcomes.entries()) {
        const asked = calls[c]?.[i]
        if (outcome.ok && asked !== undefined)
          this.heard.partial(asked.form, asked.aggNonce, asked.message, textOf(outcome))
      }
  }

  async #askOneTimeKey(): Promise<void> {
    const job = 2 * Math.floor(this.#step / SEASON) + this.#pick(2)
    const fill = this.#pick(3)
    const asked =
      fill === 0
        ? this.#running.wotsSecretKey(wotsJob(job))
        : this.#running.wotsSignature(wotsJob(job), bytes(fill, 16))
    await asked.then(
      () => this.heard.oneTimeKey(job, String(fill)),
      (error: { code: string }) => expect(['EQUIVOCATION', 'STATE_LOST']).toContain(error.code),
    )
  }

  async #start(): Promise<void> {
    const disk = this.#disk
    const options = { mode: this.#mode, hasJournal: true, maxIdle: this.#pick(2) * 4 }
    const { service } = serviceOver((name) => disk.space(name), this.#home, options)
    await service.start()
    this.#service = service
    this.#noteJournal()
  }
  async #stop(): Promise<void> {
    await this.#service?.stop()
    this.#service = undefined
  }
  async #restart(between: () => void = () => {}): Promise<void> {
    await this.#stop()
    between()
    await this.#start()
  }
  async #crash(between: () => void = () => {}): Promise<void> {
    const left = this.#disk.copy()
    this.#disk.kill()
    await this.#stop().catch(() => {})
    this.#service = undefined
    this.#disk = left
    between()
    await this.#start()
  }

  async #backUp(): Promise<void> {
    // While it runs.
    this.#backups.unshift(this.#disk.copy())
    this.#backups.length = Math.min(this.#backups.length, 2)
  }
  async #putBack(): Promise<void> {
    const backup = this.#backups[this.#pick(this.#backups.length)]
    if (backup === undefined) return
    const replace = () => {
      this.#disk = backup.copy()
    }
    await (this.#pick(2) === 0 ? this.#restart(replace) : this.#crash(replace))
  }
  #loseInstanceFile(): Promise<void> {
    return this.#restart(() => rmSync(this.#home.instance, { force: true }))
  }
  #loseData(): Promise<void> {
    return this.#restart(() => {
      this.#disk = new MemoryDisk()
    })
  }
  /** The one before is never started again. */
  async #moveToStandby(): Promise<void> {
    await this.#stop()
    this.#home = homeIn(tempFolder())
    this.#disk = new MemoryDisk()
    this.#backups.length = 0
    await this.#start()
    await this.#importOwnJournal()
  }
  async #importOwnJournal(): Promise<void> {
    const { memory } = this.#running
    await memory.importJournal(this.#journal).catch(async (error: { code: string }) => {
      expect(error.code).toBe('S2_JOURNAL_PROVES_NOTHING')
      // Nothing was used yet but what lost stores made and signed themselves.
      const { continuity } = memory.status()
      await memory.accept(continuity.standing === 'lost' ? continuity.name : '')
    })
    this.#noteJournal()
  }
  /** Of the server that answered last: a lost one writes none. */
  #noteJournal(): void {
    if (this.#running.memory.status().continuity.standing === 'proven') this.#journal = this.#home.journal
  }
  async #retire(): Promise<void> {
    await this.#running.memory.retireGeneration(this.#mode).catch((error: { code: string }) => {
      expect(error.code).toBe('S2_RETIRE_REFUSED')
    })
  }
  #changeMode(): Promise<void> {
    this.#mode = this.#mode === 'native' ? 'reference' : 'native'
    return this.#restart()
  }
}

describe('R30–R34: whatever happens to the servers of a seed', () => {
  it.each(Array.from({ length: SEEDS }, (_, i) => i + 1))(
    'should no secret be used twice: history %i',
    async (seed) => {
      const world = new World(seed)
      await world.begin()
      try {
        for (let i = 0; i < STEPS; i++) await world.step()
        world.heard.check()
        expect(world.heard.partials + world.heard.oneTime).toBeGreaterThan(0)
      } finally {
        await world.end()
      }
    },
  )
})
