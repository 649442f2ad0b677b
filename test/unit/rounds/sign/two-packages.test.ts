import { describe, expect, it } from 'vitest'
import type { PublicKey } from '../../../../src/base/index.ts'
import { SigningSession } from '../../../../src/crypto/index.ts'
import { decodeSign } from '../../../../src/rounds/sign/codec.ts'
import { commitmentsAt, packageHash, type SignPackage, type SignPayloads } from '../../../../src/rounds/sign/index.ts'
import { pairName } from '../../../../src/rounds/sign/pools.ts'
import { DELAY_MS, itemOf, Network, type Parcel, requestOf, reworded, type TestNode } from './network.ts'

const [T, N] = [5, 7]

/** The same members, but two of them in each other's places. */
function swapped(p: SignPackage): SignPackage {
  const [[a, x] = [], [b, y] = [], ...rest] = [...p.entries]
  if (a === undefined || b === undefined || x === undefined || y === undefined) throw new Error('too few entries')
  return { ...p, entries: new Map([[a, y], [b, x], ...rest]) }
}
/** The same request, with other digests: nothing that anybody's operator approved. */
const withOtherDigests = (p: SignPackage): SignPackage => ({ ...p, request: { ...p.request, items: [itemOf(666)] } })
const lies = { 'other pairs': swapped, 'other digests': withOtherDigests } as const

interface Play {
  readonly net: Network
  readonly liar: TestNode
  readonly honest: readonly TestNode[]
  /** What the liar sent, to whom. */
  readonly told: readonly { readonly to: readonly PublicKey[]; readonly session: number; readonly p: SignPackage }[]
}

/** One round in which whoever coordinates first tells half of its members another package than the others. */
function play(seed: number, lie: (p: SignPackage) => SignPackage): Play {
  const net = new Network({ t: T, n: N, seed })
  const request = requestOf(net.dealt, { items: [itemOf(seed)] })
  const told: { to: readonly PublicKey[]; session: number; p: SignPackage }[] = []
  let liar: TestNode | undefined
  for (const node of net.nodes)
    node.tamper = (parcel): readonly Parcel[] => {
      if (parcel.envelope.step !== 'package') return [parcel]
      liar ??= node
      if (node !== liar) return [parcel]
      const to = (parcel.to ?? []).filter((m) => m !== node.key)
      const half = to.slice(0, to.length / 2)
      const parcels = [
        { envelope: parcel.envelope, to: to.slice(half.length) },
        { envelope: reworded(parcel.envelope, 'package', lie), to: half },
      ]
      for (const { envelope, to: some } of parcels) {
        const p = decodeSign('package', envelope.payload)
        if (p !== undefined) told.push({ to: some, session: envelope.attempt, p })
      }
      return parcels
    }
  for (const node of net.nodes) net.start(node, request)
  net.until(() => net.nodes.every((n) => n.done.length > 0 || n.failed.length > 0), 6 * DELAY_MS)
  net.run(DELAY_MS)
  if (liar === undefined) throw new Error('nobody coordinated')
  const first = liar
  for (const n of net.nodes) expect(net.isValid(request, n.done[0]?.signatures)).toBe(true)
  return { net, liar: first, honest: net.nodes.filter((n) => n !== first), told }
}
const sharesOf = (node: TestNode): SignPayloads['share'][] =>
  node.saidSteps('share').flatMap((e) => decodeSign('share', e.payload) ?? [])

describe('R25, R26: a coordinator that tells each half of its members another package', () => {
  for (const [what, lie] of Object.entries(lies))
    it(`should gain no signature, no second use of a pair, and no more time than one that is silent: ${what}`, () => {
      for (let seed = 1; seed <= 5; seed++) {
        const { net, liar, honest, told } = play(seed, lie)
        expect(told.length).toBeGreaterThanOrEqual(2)
        // Another one coordinates after one delay.
        expect(Math.max(...honest.map((n) => n.done[0]?.atMs ?? Number.NaN))).toBeLessThan(2 * DELAY_MS + 400)
        for (const node of net.nodes) expect(node.faults.filter((f) => f.member !== liar.key)).toEqual([])

        // No honest member answers two packages with one pair, whoever coordinates.
        const packages = net.nodes.flatMap((n) =>
          n.said.flatMap(({ envelope: e }) => {
            const p = e.step === 'package' ? decodeSign('package', e.payload) : undefined
            return p === undefined ? [] : [{ p, hash: packageHash(n.key, e.attempt, p) }]
          }),
        )
        for (const node of honest) {
          const used = new Map<string, string>()
          for (const share of sharesOf(node)) {
            const { p } = packages.find(({ hash }) => hash === share.packageHash) ?? {}
            expect(p, 'a share answers a package that was said').toBeDefined()
            for (const pair of p?.entries.get(node.key) ?? []) {
              expect(used.get(pairName(pair)) ?? share.packageHash).toBe(share.packageHash)
              used.set(pairName(pair), share.packageHash)
            }
          }
        }

        // What the two halves gave makes no signature together, under either package.
        for (const { session, p } of told) {
          const given = told.flatMap(({ p: other }) =>
            honest.flatMap((n) =>
              sharesOf(n)
                .filter((s) => s.packageHash === packageHash(liar.key, session, other))
                .map((s) => [n.key, s.shares[0] ?? new Uint8Array(32)] as const),
            ),
          )
          const [item] = p.request.items
          if (item === undefined) throw new Error('no item')
          const opened = SigningSession.open(net.dealt.public, commitmentsAt(p, 0), item.digest, item.tweak)
          if (opened.ok) expect(opened.session.aggregate(new Map(given)).ok).toBe(false)
        }
      }
    }, 120_000)

  it('should be proven by whoever hears both', () => {
    const { net, liar, honest, told } = play(1, swapped)
    const [one, other] = told
    const [witness] = honest.filter((n) => n.saidSteps('share').length > 0 && one?.to.includes(n.key))
    if (witness === undefined || one === undefined || other === undefined) throw new Error('nobody was told')
    const theirs = net.nodes
      .flatMap((n) => n.heard)
      .find((e) => e.step === 'package' && e.author === liar.key && !witness.heard.includes(e))
    if (theirs === undefined) throw new Error('nothing was said to the others')
    expect(witness.faults).toEqual([])
    net.deliver(witness, theirs)
    expect(witness.faults.map((f) => [f.code, f.member, f.wires.length])).toEqual([['equivocation', liar.key, 2]])
  })
})
