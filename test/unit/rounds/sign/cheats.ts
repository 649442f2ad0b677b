import { DELAY_MS, type Parcel, reworded, spoilt, type TestNode } from './network.ts'

/** What a member with its own software does; well-formed and correctly signed. */
export const CHEATS = [
  'silent',
  'wrong share',
  'share of another round',
  'two commitments',
  'two shares',
  'two packages',
  'two requests',
  'late',
  'mute coordinator',
] as const
export type Cheat = (typeof CHEATS)[number]

/** Which of them show in what the member signed, and as what. */
export const PROVABLE: Partial<Record<Cheat, 'invalid_share' | 'equivocation'>> = {
  'wrong share': 'invalid_share',
  'share of another round': 'invalid_share',
  'two commitments': 'equivocation',
  'two shares': 'equivocation',
  'two packages': 'equivocation',
  'two requests': 'equivocation',
}

/** A parcel and, right after it, another one in its slot. */
const doubled = (parcel: Parcel, other: Parcel['envelope']): readonly Parcel[] => [
  parcel,
  { ...parcel, envelope: other },
]

export function cheat(node: TestNode, how: Cheat): void {
  let foreign: readonly Uint8Array[] | undefined
  const change: Record<Cheat, (parcel: Parcel) => readonly Parcel[]> = {
    silent: (parcel) => [parcel],
    'wrong share': (p) => [
      { ...p, envelope: reworded(p.envelope, 'share', (s) => ({ ...s, shares: s.shares.map(spoilt) })) },
    ],
    // What it owes to one package, under the hash of another.
    'share of another round': (p) => [
      {
        ...p,
        envelope: reworded(p.envelope, 'share', (s) => {
          const shares = foreign ?? s.shares.map(spoilt)
          foreign = s.shares
          return { ...s, shares }
        }),
      },
    ],
    'two commitments': (p) =>
      p.envelope.step === 'nonces'
        ? doubled(
            p,
            reworded(p.envelope, 'nonces', (n) => ({ ...n, commitments: n.commitments.toReversed() })),
          )
        : [p],
    'two shares': (p) =>
      p.envelope.step === 'share'
        ? doubled(
            p,
            reworded(p.envelope, 'share', (s) => ({ ...s, shares: s.shares.map(spoilt) })),
          )
        : [p],
    'two packages': (p) => (p.envelope.step === 'package' ? doubled(p, otherPackage(p)) : [p]),
    // Another request under the round of the true one: not the round's, so nobody acts on it.
    'two requests': (p) =>
      p.envelope.step === 'ready'
        ? doubled(
            p,
            reworded(p.envelope, 'ready', (r) => ({
              request: { ...r.request, requestId: `${r.request.requestId}00` },
            })),
          )
        : [p],
    late: (p) => [{ ...p, lateMs: DELAY_MS }],
    'mute coordinator': (p) => (p.envelope.step === 'package' ? [] : [p]),
  }
  node.silent = how === 'silent'
  node.tamper = change[how]
}

/** The same members, but two of them with each other's commitments. */
function otherPackage({ envelope }: Parcel): Parcel['envelope'] {
  return reworded(envelope, 'package', (p) => {
    const [[a, x] = [], [b, y] = [], ...rest] = [...p.entries]
    if (a === undefined || b === undefined || x === undefined || y === undefined) return p
    return { ...p, entries: new Map([[a, y], [b, x], ...rest]) }
  })
}
