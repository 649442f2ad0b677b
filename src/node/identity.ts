import { describeError, type PublicKey, type Startable, withDeadline } from '../base/index.ts'
import type { Snapshot } from '../registry/index.ts'
import { nextBoot, type OpenedKey } from '../store/index.ts'
import { type Foundation, part } from './foundation.ts'
import { createIdentityParts, type IdentityParts } from './identity-parts.ts'
import { pickIdentity } from './pick-identity.ts'

/** Streams and sockets close in seconds; a node between two identities serves nobody, and a fresh start would. */
const MOVE_TIMEOUT_MS = 60_000

/**
 * Who this node is, and its move to the next key when the chain holds that (R7): store, registry, metrics and admin API
 * stay, everything that bears the old PeerID is stopped and made anew for the new one.
 */
export class Identity {
  readonly #base: Foundation
  readonly #onFatal: (error: Error) => void
  #parts: IdentityParts
  #work: Promise<void> = Promise.resolve()
  #isMoving = false
  #isOver = false

  private constructor(base: Foundation, onFatal: (error: Error) => void, parts: IdentityParts) {
    this.#base = base
    this.#onFatal = onFatal
    this.#parts = parts
  }

  static async open(base: Foundation, onFatal: (error: Error) => void): Promise<Identity> {
    return new Identity(base, onFatal, await createIdentityParts(base, onFatal))
  }

  /** Of the key in use; others after a move. */
  get parts(): IdentityParts {
    return this.#parts
  }
  /** Between two identities: what `parts` says then is of a node that is being taken down. */
  get isMoving(): boolean {
    return this.#isMoving
  }

  /** Started before the registry is read, so that its first snapshot meets a gate. */
  readonly links: Startable = part({
    start: () => this.#parts.links.start(),
    stop: () => this.#end((parts) => parts.links),
  })
  readonly rounds: Startable = part({
    start: async () => {
      this.#adviseOperator()
      await this.#parts.rounds.start()
    },
    stop: () => this.#end((parts) => parts.rounds),
  })

  /** Flow 1 of DESIGN §3: the gate hears of a snapshot before anybody else. */
  follow(snapshot: Snapshot): void {
    // Whoever is being made takes the latest one when it is up.
    if (this.#isMoving || this.#isOver) return
    const { network, signing } = this.#parts
    const target = this.#targetOf(snapshot)
    if (target === undefined) {
      network.membership.applySnapshot(snapshot)
      signing.recalls.note(snapshot)
      signing.sign.refresh()
      signing.recalled.refresh()
      return
    }
    this.#isMoving = true
    // The key in use is out: from here on its gate admits nobody, while its links are being closed.
    network.gate.applySnapshot(snapshot)
    this.#work = this.#work
      .then(() => withDeadline('moving to the other key', MOVE_TIMEOUT_MS, () => this.#moveTo(target)))
      .catch((error: unknown) => this.#fail(error))
  }

  /** The key to move to; undefined: the one in use. */
  #targetOf(snapshot: Snapshot): OpenedKey | undefined {
    const { own, next } = this.#base.keys
    if (next === undefined) return undefined
    const inUse = this.#inUse()
    const picked = pickIdentity(snapshot, { own: own.keyPair.publicKey, next: next.keyPair.publicKey }, inUse)
    if (picked === inUse) return undefined
    return picked === own.keyPair.publicKey ? own : next
  }

  #inUse(): PublicKey {
    return this.#parts.base.key.keyPair.publicKey
  }

  async #moveTo(key: OpenedKey): Promise<void> {
    const { store, clock, logger, watcher } = this.#base
    const old = this.#parts
    logger.info('The chain holds another key of this operator: moving to it', {
      from: this.#inUse(),
      to: key.keyPair.publicKey,
    })
    const knownLinks = old.network.host.connections()
    await old.rounds.stop()
    await old.links.stop()
    if (this.#isOver) return
    // R16: what the key said over the old one's links and what it says over its own must not share a slot.
    const boot = await nextBoot(store.space('boot'), clock.now())
    const parts = await createIdentityParts({ ...this.#base, key, boot }, this.#onFatal, knownLinks)
    if (this.#isOver) return
    this.#parts = parts
    await parts.links.start()
    this.#isMoving = false
    const latest = watcher.latest()
    if (latest !== undefined) this.follow(latest)
    await parts.rounds.start()
    const { peerId } = parts.network.host
    logger.info('Moved', { publicKey: this.#inUse(), peerId, addresses: parts.network.host.addresses() })
    this.#adviseOperator()
  }

  #adviseOperator(): void {
    const { keys, logger, config } = this.#base
    if (this.#inUse() !== keys.next?.keyPair.publicKey) return
    logger.warn('This node lives under its next key: make next_key_file the key_file, and take the next_… keys out', {
      file: config.file,
      publicKey: this.#inUse(),
    })
  }

  /** A start finds its identity by the last good snapshot; what is half moved can't be gone on with. */
  #fail(error: unknown): void {
    if (this.#isOver) return
    this.#base.logger.error('Moving to the other key failed', { error: describeError(error) })
    this.#onFatal(error instanceof Error ? error : new Error(describeError(error)))
  }

  async #end(of: (parts: IdentityParts) => Startable): Promise<void> {
    this.#isOver = true
    await this.#work
    await of(this.#parts).stop()
  }
}
