import {
  type Cancel,
  type Clock,
  describeError,
  fromHex,
  type GroupKey,
  type Logger,
  type SetHash,
  type Startable,
} from '../../base/index.ts'
import type { Envelope, Messenger, Topic, Verdict } from '../../p2p/index.ts'
import type { ShareVault, StoredShare } from '../../signer/index.ts'

/** Between two requests of a member that lacks its certificate, and between two answers to whomsoever. */
const REPEAT_MS = 2_000

const STEPS = { ask: 'certificate.get', tell: 'certificate' } as const

export interface CertificateHelpInit {
  readonly network: string
  readonly messenger: Messenger
  readonly vault: ShareVault
  /** The snapshot's set while this node is in it. */
  readonly currentSet: () => { readonly hash: SetHash; readonly groupKey: GroupKey } | undefined
  /** R38: does this certificate stand for this very share? */
  readonly isCertified: (share: StoredShare) => boolean
  readonly onCertified: () => void
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * R20: nodes answer for any transcript they hold certified. A member that went down between its confirmation and the end
 * of keygen holds a share that it may not use yet (R21); certificates are transferable, so any other member can help.
 */
export class CertificateHelp implements Startable {
  readonly #c: CertificateHelpInit
  readonly #logger: Logger
  #joined: { readonly setHash: SetHash; readonly topic: Topic; readonly leave: () => void } | undefined
  #cancelTick: Cancel = () => {}
  #toldAtMs = Number.NEGATIVE_INFINITY

  constructor(init: CertificateHelpInit) {
    this.#c = init
    this.#logger = init.logger.child('certificates')
  }

  async start(): Promise<void> {
    this.#tick()
  }

  async stop(): Promise<void> {
    this.#cancelTick()
    this.#leave()
  }

  #tick(): void {
    this.#follow()
    const staged = this.#uncertified()
    if (staged !== undefined) this.#say(STEPS.ask, staged.transcript, new Uint8Array(0))
    this.#cancelTick = this.#c.clock.after(REPEAT_MS, () => this.#tick())
  }

  #follow(): void {
    const setHash = this.#c.currentSet()?.hash
    if (this.#joined?.setHash === setHash) return
    this.#leave()
    if (setHash === undefined) return
    const topic: Topic = { network: this.#c.network, scope: setHash, purpose: 'sign' }
    const leave = this.#c.messenger.join(topic, (envelope) => this.#onEnvelope(envelope))
    this.#joined = { setHash, topic, leave }
  }

  #leave(): void {
    this.#joined?.leave()
    this.#joined = undefined
  }

  /** The staged share of the key on chain, if that is all this node has of it. */
  #uncertified(): StoredShare | undefined {
    const set = this.#c.currentSet()
    if (set === undefined || this.#c.vault.byGroupKey(set.groupKey) !== undefined) return undefined
    return this.#c.vault.list().find((s) => s.key.public.groupKey === set.groupKey)
  }

  #onEnvelope({ step, round, payload }: Envelope): Verdict {
    if (step === STEPS.ask) return this.#onAsk(round)
    if (step === STEPS.tell) return this.#onTell(round, payload)
    return 'ignore'
  }

  #onAsk(transcript: string): Verdict {
    const held = this.#c.vault.list().find((s) => s.transcript === transcript && s.certificate.length > 0)
    const now = this.#c.clock.monotonicMs()
    if (held === undefined || now - this.#toldAtMs < REPEAT_MS / 2) return 'accept'
    this.#toldAtMs = now
    this.#say(STEPS.tell, transcript, held.certificate)
    return 'accept'
  }

  #onTell(transcript: string, certificate: Uint8Array): Verdict {
    const staged = this.#uncertified()
    if (staged === undefined || staged.transcript !== transcript) return 'accept'
    const certified = { ...staged, certificate }
    if (certificate.length === 0 || !this.#c.isCertified(certified)) return 'ignore'
    this.#c.vault.put(certified).then(
      () => {
        this.#logger.info('Share certified with the help of another member', { transcript })
        this.#c.onCertified()
      },
      (error: unknown) => this.#logger.error('Storing the certificate failed', { error: describeError(error) }),
    )
    return 'accept'
  }

  #say(step: string, transcript: string, payload: Uint8Array): void {
    if (this.#joined === undefined || fromHex(transcript).length !== 32) return
    this.#c.messenger
      .publish(this.#joined.topic, { round: transcript, attempt: 0, step, payload })
      .catch((error: unknown) => this.#logger.warn('Publishing failed', { step, error: describeError(error) }))
  }
}
