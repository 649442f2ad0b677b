import type { PublicKey } from '../../base/index.ts'
import type { KnownRound } from './known.ts'
import { sendDecline } from './messages.ts'
import type { SignEffect } from './types.ts'

type Effects = readonly SignEffect[]

export interface OwnWordInit {
  readonly self: PublicKey
  /** Policies answer by themselves, for whoever asks. */
  readonly asksUnready: boolean
}

/** What this operator's policy says of rounds (docs/POLICY.md): asked once whoever is ready, and a refusal told to all who are. */
export class OwnWord {
  readonly #c: OwnWordInit

  constructor(init: OwnWordInit) {
    this.#c = init
  }

  ask(r: KnownRound, asker: PublicKey): Effects {
    if (r.own === 'refused') return this.tellDeclines(r)
    // Its allowance may hold what another one's did not.
    if (this.#c.asksUnready && r.own === 'not_asked_yet' && !r.askedFor.has(asker)) return this.askAgain(r, asker)
    if (r.own !== 'unasked') return []
    r.own = 'asked'
    r.askedFor.add(asker)
    return [{ kind: 'ask_consent', id: r.round, round: r.round, coordinator: asker, request: r.request }]
  }

  /** Whoever was asked too early may answer now (R27). */
  askAgain(r: KnownRound, asker = nextAsker(r) ?? this.#c.self): Effects {
    const told = this.tellDeclines(r)
    r.own = 'unasked'
    return [...told, ...this.ask(r, asker)]
  }

  tellDeclines(r: KnownRound): Effects {
    const { own, request, round } = r
    if (own === 'unasked' || own === 'asked' || own === 'yes') return []
    const to = [...r.ready].filter((m) => m !== this.#c.self && !r.told.has(m))
    for (const m of to) r.told.add(m)
    return to.map((author) => sendDecline({ author, round, attempt: 0 }, request, own))
  }
}

/**
 * Who is named when this operator's policy is asked again: each in its turn. A validator is asked for each member within limits,
 * and one that has used up its own must not hold up a request of others by being the first to say `ready` to it.
 */
function nextAsker({ ready, askedFor }: KnownRound): PublicKey | undefined {
  const others = [...ready].filter((m) => !askedFor.has(m))
  if (others.length === 0) askedFor.clear()
  return others[0] ?? [...ready][0]
}
