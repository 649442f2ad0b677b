import { type Clock, CodedError, type Gauge, type Logger, type Metrics } from '../../base/index.ts'
import type { Messenger } from '../../p2p/index.ts'

export interface ElsewhereView {
  /** Unix ms of our clock, when this node first heard its own key. */
  readonly sinceMs: number
  /** The other node's boot number: about the unix ms at which it started (R16). */
  readonly boot: number
}

const SPEAKS_ELSEWHERE =
  "another node speaks with this node's key; find it and stop it, then restart this node: it signs nothing until then"

/**
 * R17: two nodes of one key would sign, vote and promise against each other. Each that hears of it stops for good, since
 * neither can tell which of them is the copy; only a restart by the operator begins again.
 */
export class KeyElsewhere {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #gauge: Gauge<never>
  #heard: ElsewhereView | undefined

  constructor(c: { readonly clock: Clock; readonly logger: Logger; readonly metrics: Metrics }) {
    this.#clock = c.clock
    this.#logger = c.logger.child('liveness')
    this.#gauge = c.metrics.gauge('key_in_use_elsewhere', "1 once another node was heard speaking with this node's key")
    this.#gauge.set({}, 0)
  }

  /** From p2p: a live, correctly signed message of our key that this process did not say. */
  heard(boot: number): void {
    if (this.#heard !== undefined) return
    this.#heard = { sinceMs: this.#clock.now(), boot }
    this.#gauge.set({}, 1)
    this.#logger.error(`Stopped signing: ${SPEAKS_ELSEWHERE}`, { boot })
  }

  get view(): ElsewhereView | undefined {
    return this.#heard
  }
  get stopped(): boolean {
    return this.#heard !== undefined
  }

  /** The messenger of everything that makes or uses keys: it still hears, and says nothing more. Throws `KEY_IN_USE_ELSEWHERE`. */
  guard(messenger: Messenger): Messenger {
    const refuseIfStopped = () => {
      if (this.stopped) throw new CodedError('KEY_IN_USE_ELSEWHERE', SPEAKS_ELSEWHERE)
    }
    return {
      join: (topic, onEnvelope) => messenger.join(topic, onEnvelope),
      publish: async (topic, utterance) => {
        refuseIfStopped()
        return await messenger.publish(topic, utterance)
      },
      send: async (to, topic, utterance, signal) => {
        refuseIfStopped()
        return await messenger.send(to, topic, utterance, signal)
      },
      sendEach: (to, topic, utterance) => {
        refuseIfStopped()
        return messenger.sendEach(to, topic, utterance)
      },
    }
  }
}
