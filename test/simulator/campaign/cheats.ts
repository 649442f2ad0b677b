import { LIMITS, type PublicKey } from '../../../src/base/index.ts'
import { curve } from '../../../src/curve/index.ts'
import type { Utterance } from '../../../src/p2p/index.ts'
import { decodeSign, encodeSign } from '../../../src/rounds/sign/codec.ts'
import type { SignPayloads, SignStep } from '../../../src/rounds/sign/types.ts'
import type { Random } from '../random.ts'

/** What members with their own software do; all of it well-formed, and correctly signed. */
export const CHEATS = [
  'silent',
  'power lost',
  'wrong share',
  'one wrong share of a batch',
  'share of another round',
  'two pools',
  'two shares',
  'two packages',
  'another package to each half',
  'two requests',
  'late',
  'no package',
  'nothing after the package',
  'excuses',
] as const
export type Cheat = (typeof CHEATS)[number]

/** Something to be said, and to whom; undefined: to all. */
export interface Parcel {
  readonly said: Utterance
  readonly to: readonly PublicKey[] | undefined
  readonly lateMs?: number
}
/** A falsehood that shows in what its author signed. */
export type Falsehood = 'invalid_share' | 'equivocation'
export interface Falsified extends Parcel {
  readonly falsehood?: Falsehood
  /** The way in which it came about. */
  readonly cheat?: Cheat
}

type Way = (parcel: Parcel) => readonly Falsified[]

/** What leaves a member that cheats in this way instead of what its node says. One for each process: some remember. */
export function wayOf(cheat: Cheat): Way {
  const way = plainWayOf(cheat)
  const named = (f: Falsified): Falsified => (f.falsehood === undefined || f.cheat !== undefined ? f : { ...f, cheat })
  return (parcel) => way(parcel).map(named)
}

function plainWayOf(cheat: Cheat): Way {
  switch (cheat) {
    case 'silent':
      return () => []
    case 'power lost':
      return honestly
    case 'wrong share':
      return on('share', (p, s) => [wrong(p, { ...s, shares: s.shares.map(negated) })])
    case 'one wrong share of a batch':
      return on('share', (p, s) => {
        // The same again to whoever asks again.
        const at = Number.parseInt(s.packageHash.slice(0, 8), 16) % s.shares.length
        return [wrong(p, { ...s, shares: s.shares.map((share, i) => (i === at ? negated(share) : share)) })]
      })
    case 'share of another round':
      return shareOfAnotherRound()
    case 'two pools':
      // The same pairs in another order; of one pair, another pair.
      return on('nonces', (p, n) => [p, twice(p, 'nonces', { ...n, commitments: n.commitments.map(swapped) })])
    case 'two shares':
      return on('share', (p, s) => [p, twice(p, 'share', { ...s, shares: s.shares.map(negated) })])
    case 'two packages':
      return on('package', (p, k) => [p, twice(p, 'package', otherPackage(k))])
    case 'another package to each half':
      return on('package', (p, k) => {
        const to = p.to ?? []
        const half = to.slice(0, to.length / 2)
        return [
          { ...p, to: to.slice(to.length / 2) },
          { ...reworded({ ...p, to: half }, 'package', otherPackage(k)), falsehood: 'equivocation' },
        ]
      })
    case 'two requests':
      // Under the round of the true one: not the round's, so nobody acts on it.
      return on('ready', (p, { request }) => [
        p,
        twice(p, 'ready', { request: { ...request, requestId: `${request.requestId}00` } }),
      ])
    case 'late':
      return (parcel) => [{ ...parcel, lateMs: LIMITS.coordinatorDelayMs }]
    case 'no package':
      return on('package', () => [])
    case 'nothing after the package':
      return on('result', () => [])
    case 'excuses':
      return on('share', (p, { coordinator }) => [
        {
          ...p,
          said: {
            ...p.said,
            step: 'decline',
            payload: encodeSign('decline', { coordinator, reason: 'unknown_nonce' }),
          },
        },
      ])
  }
}

/** Which steps a cheat falsifies: two cheats of one member are of different steps, so that neither undoes the other. */
const STEP: { readonly [C in Cheat]: SignStep | 'all' } = {
  silent: 'all',
  'power lost': 'all',
  'wrong share': 'share',
  'one wrong share of a batch': 'share',
  'share of another round': 'share',
  'two pools': 'nonces',
  'two shares': 'share',
  'two packages': 'package',
  'another package to each half': 'package',
  'two requests': 'ready',
  late: 'all',
  'no package': 'package',
  'nothing after the package': 'result',
  excuses: 'share',
}

/** One cheat or two. */
export function drawCheats(random: Random): readonly Cheat[] {
  const [first, ...others] = random.shuffled(CHEATS)
  if (first === undefined) return []
  const second = others.find((c) => STEP[c] !== STEP[first] && c !== 'silent' && c !== 'power lost')
  const isPlain = first === 'silent' || first === 'power lost' || second === undefined || random.chance(0.6)
  return isPlain ? [first] : [first, second].sort((a, b) => Number(a === 'late') - Number(b === 'late'))
}

/** One after the other. */
export const inTurn =
  (ways: readonly Way[]): Way =>
  (parcel) =>
    ways.reduce<readonly Falsified[]>((parcels, way) => parcels.flatMap(way), [parcel])

const honestly: Way = (parcel) => [parcel]

/** Steps of one kind; everything else is said as it is. */
function on<S extends SignStep>(step: S, way: (p: Parcel, payload: SignPayloads[S]) => readonly Falsified[]): Way {
  return (parcel) => {
    const payload = parcel.said.step === step ? decodeSign(step, parcel.said.payload) : undefined
    return payload === undefined ? [parcel] : way(parcel, payload)
  }
}

/** What it owes to one package, under the hash of another; the same again to whoever asks again. */
function shareOfAnotherRound(): Way {
  const before = new Map<number, readonly Uint8Array[]>()
  const given = new Map<string, readonly Uint8Array[] | undefined>()
  return on('share', (p, s) => {
    if (!given.has(s.packageHash)) {
      given.set(s.packageHash, before.get(s.shares.length))
      before.set(s.shares.length, s.shares)
    }
    const foreign = given.get(s.packageHash)
    return [foreign === undefined ? p : wrong(p, { ...s, shares: foreign })]
  })
}

const reworded = <S extends SignStep>(p: Parcel, step: S, payload: SignPayloads[S]): Parcel => ({
  ...p,
  said: { ...p.said, payload: encodeSign(step, payload) },
})
const wrong = (p: Parcel, share: SignPayloads['share']): Falsified => ({
  ...reworded(p, 'share', share),
  falsehood: 'invalid_share',
})
const twice = <S extends SignStep>(p: Parcel, step: S, payload: SignPayloads[S]): Falsified => ({
  ...reworded(p, step, payload),
  falsehood: 'equivocation',
})

/** Wrong, and well-formed: of two members, these don't cancel out in a sum. */
const negated = (share: Uint8Array): Uint8Array => curve.negateScalar(share)
const swapped = <C extends { readonly hiding: Uint8Array; readonly binding: Uint8Array }>(c: C): C => ({
  ...c,
  hiding: c.binding,
  binding: c.hiding,
})

/** The same members, but two of them with each other's commitments. */
function otherPackage(p: SignPayloads['package']): SignPayloads['package'] {
  const [[a, x] = [], [b, y] = [], ...rest] = [...p.entries]
  if (a === undefined || b === undefined || x === undefined || y === undefined) return p
  return { ...p, entries: new Map([[a, y], [b, x], ...rest]) }
}
