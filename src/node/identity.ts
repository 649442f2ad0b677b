import { describeError, type PublicKey, type Startable, withDeadline } from '../base/index.ts'
import type { ConnectionInfo } from '../p2p/index.ts'
import type { Snapshot } from '../registry/index.ts'
import { nextBoot, type OpenedKey } from '../store/index.ts'
import { type Foundation, part } from './foundation.ts'
import type { IdentityParts } from './identity-parts.ts'
import { pickIdentity } from './pick-identity.ts'

/** Streams and sockets close in seconds; a node between two identities serves nobody, and a fresh start would. */
const MOVE_TIMEOUT_MS = 60_000

export interface IdentityInit {
  readonly base: Foundation
  readonly createParts: (base: Foundation, knownLinks: readonly ConnectionInfo[]) => Promise<IdentityParts>
  /** Half moved, the node can't go on: the process must end, and starts under the key that the chain holds. */
  readonly onFatal: (error: Error) => void
}

/**
 * Who this node is, and its move to the next key when the chain holds that (R7): store, registry, metrics and admin API
 * stay, everything that bears the old PeerID is stopped and made anew for the new one.
 */
export class Identity {
  readonly #c: IdentityInit
  #parts: IdentityParts
  #work: Promise<unknown> = Promise.resolve()
  #areRoundsOn = false
  #isMoving = false
  #isOver = false

  private constructor(init: IdentityInit, parts: IdentityParts) {
    this.#c = init
    this.#parts = parts
  }

  static async open(init: IdentityInit): Promise<Identity> {
    return new Identity(init, await init.createParts(init.base, []))
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
    start: () =>
      this.#alone(async () => {
        this.#adviseOperator()
        this.#areRoundsOn = true
        await this.#parts.rounds.start()
      }),
    stop: () => this.#end((parts) => parts.rounds),
  })

  /** Flow 1 of ARCHITECTURE.md: the gate hears of a snapshot before anybody else. */
  follow(snapshot: Snapshot): void {
    // Whoever is being made takes the latest one when it is up.
    if (this.#isMoving || this.#isOver) return
    const { network, signing, liveness } = this.#parts
    const target = this.#targetOf(snapshot)
    if (target === undefined) {
      // What was seen before a restart is on disk: a removed node stays one.
      network.membership.applySnapshot(snapshot, signing.recalls.wasMember())
      signing.recalls.note(snapshot)
      signing.sign.refresh()
      signing.recalled.refresh()
      liveness.refresh()
      return
    }
    this.#isMoving = true
    // Before they are closed: where the members are is what the other key finds them by.
    const knownLinks = network.host.connections()
    // The key in use is out: from here on its gate admits nobody, and its links are being closed.
    network.membership.leave(snapshot)
    this.#alone(() =>
      withDeadline('moving to the other key', MOVE_TIMEOUT_MS, () => this.#moveTo(target, knownLinks)),
    ).catch((error: unknown) => this.#fail(error))
  }

  /** Starts and moves never run beside each other: a part that starts while it is being stopped would stay. */
  #alone(work: () => Promise<void>): Promise<void> {
    const mine = this.#work.then(work)
    this.#work = Promise.allSettled([mine])
    return mine
  }

  /** The key to move to; undefined: the one in use. */
  #targetOf(snapshot: Snapshot): OpenedKey | undefined {
    const { own, next } = this.#c.base.keys
    if (next === undefined) return undefined
    const inUse = this.#inUse()
    const picked = pickIdentity(snapshot, { own: own.keyPair.publicKey, next: next.keyPair.publicKey }, inUse)
    if (picked === inUse) return undefined
    return picked === own.keyPair.publicKey ? own : next
  }

  #inUse(): PublicKey {
    return this.#parts.base.key.keyPair.publicKey
  }

  async #moveTo(key: OpenedKey, knownLinks: readonly ConnectionInfo[]): Promise<void> {
    const { store, clock, logger, watcher } = this.#c.base
    const old = this.#parts
    logger.info('The chain holds another key of this operator: moving to it', {
      from: this.#inUse(),
      to: key.keyPair.publicKey,
    })
    await old.rounds.stop()
    await old.links.stop()
    if (this.#isOver) return
    // R16: what the key said over the old one's links and what it says over its own must not share a slot.
    const boot = await nextBoot(store.space('boot'), clock.now())
    const parts = await this.#c.createParts({ ...this.#c.base, key, boot }, knownLinks)
    if (this.#isOver) return
    this.#parts = parts
    await parts.links.start()
    this.#isMoving = false
    const latest = watcher.latest()
    if (latest !== undefined) this.follow(latest)
    if (this.#areRoundsOn) await parts.rounds.start()
    const { peerId } = parts.network.host
    logger.info('Moved', { publicKey: this.#inUse(), peerId, addresses: parts.network.host.addresses() })
    this.#adviseOperator()
  }

  #adviseOperator(): void {
    const { keys, logger, config } = this.#c.base
    if (this.#inUse() !== keys.next?.keyPair.publicKey) return
    logger.warn('This node lives under its next key: make next_key_file the key_file, and take the next_… keys out', {
      file: config.file,
      publicKey: this.#inUse(),
    })
  }

  /** A start finds its identity by the last good snapshot; what is half moved can't be gone on with. */
  #fail(error: unknown): void {
    if (this.#isOver) return
    this.#c.base.logger.error('Moving to the other key failed', { error: describeError(error) })
    this.#c.onFatal(error instanceof Error ? error : new Error(describeError(error)))
  }

  async #end(of: (parts: IdentityParts) => Startable): Promise<void> {
    this.#isOver = true
    await this.#work
    await of(this.#parts).stop()
  }
}
