/** The arithmetic of rounds: what a coordinator, a signer and a member of a keygen compute. */
import type { FrostPublic, NonceCommitments } from '@noble/curves/abstract/frost.js'
import { schnorr_FROST } from '@noble/curves/secp256k1.js'
import type { PublicKey } from '../../src/base/index.ts'
import {
  checkDealings,
  combineShares,
  commitNonces,
  dealerFor,
  identifierOf,
  type KeyPackage,
  SigningSession,
  shareFor,
} from '../../src/crypto/index.ts'
import { KeyPair, sha256 } from '../../src/curve/index.ts'
import { dealKey } from '../../test/unit/crypto/signing-keys.ts'
import * as noble from '../baseline/noble-frost.ts'
import { inTurns } from './measure.ts'
import type { Row, Section } from './row.ts'

const DIGEST = sha256(Uint8Array.of(1))
const PLAIN = { kind: 'none' } as const

interface SigningCase {
  readonly threshold: number
  readonly members: number
  readonly runs: { readonly ours: number; readonly baseline: number }
  readonly target?: number
  readonly targetRatio?: number
}

const signing =
  ({ threshold, members, runs, ...targets }: SigningCase): Section =>
  () => {
    const dealt = dealKey(threshold, members)
    const signers = dealt.members.slice(0, threshold)
    const made = signers.map((m) => commitNonces(keyOf(dealt.keys, m)))
    const commitments = new Map(signers.map((m, i) => [m, at(made, i).commitment]))
    const open = (): SigningSession => {
      const opened = SigningSession.open(dealt.public, commitments, DIGEST, PLAIN)
      if (!opened.ok) throw new Error(opened.fault.code)
      return opened.session
    }
    const session = open()
    const shares = new Map(signers.map((m, i) => [m, session.share(keyOf(dealt.keys, m), at(made, i).nonces)]))
    const list = [...commitments].map(([m, c]) => ({ identifier: identifierOf(m), ...c })) as NonceCommitments[]
    const pub = {
      signers: { min: threshold, max: members },
      commitments: [...dealt.public.commitments],
      verifyingShares: Object.fromEntries([...dealt.public.verifyingShares].map(([m, v]) => [identifierOf(m), v])),
    } as FrostPublic
    const byId = Object.fromEntries([...shares].map(([m, s]) => [identifierOf(m), s]))

    const coordinator = (): void => {
      const s = open()
      for (const [m, share] of shares) if (!s.verifyShare(m, share)) throw new Error('a share is wrong')
      if (!s.aggregate(shares).ok) throw new Error('no signature')
    }
    const size = `${threshold} of ${members}`
    const rows: Row[] = [
      {
        name: `verify all shares and aggregate, ${size}`,
        unit: 'ms CPU',
        ...targets,
        ...inTurns(runs, coordinator, () => noble.verifyAndAggregate(pub, list, DIGEST, byId)),
      },
      {
        name: `aggregate alone (no share is wrong), ${size}`,
        unit: 'ms CPU',
        ...inTurns(
          runs,
          () => open().aggregate(shares),
          () => schnorr_FROST.aggregate(pub, list, DIGEST, { ...byId } as never),
        ),
      },
    ]
    const own = keyOf(dealt.keys, at(signers, 0))
    const [ours, theirs] = [fresh(runs.ours + 1, own), fresh(runs.baseline + 1, own)]
    const withOwn = (c: { hiding: Uint8Array; binding: Uint8Array }) => new Map(commitments).set(own.owner, c)
    rows.push({
      name: `a signer's share, ${size}`,
      unit: 'ms CPU',
      ...inTurns(
        runs,
        () => {
          const { nonces, commitment } = next(ours)
          const opened = SigningSession.open(dealt.public, withOwn(commitment), DIGEST, PLAIN)
          if (opened.ok) opened.session.share(own, nonces)
        },
        () => {
          const { nonces, commitment } = next(theirs)
          const taken = nonces.take()
          const secret = { identifier: identifierOf(own.owner), signingShare: Uint8Array.from(own.signingShare) }
          const replaced = [...withOwn(commitment)].map(([m, c]) => ({ identifier: identifierOf(m), ...c }))
          schnorr_FROST.signShare(secret, pub, taken as never, replaced as NonceCommitments[], DIGEST)
        },
      ),
    })
    return rows
  }

const keygen =
  ({ threshold, members: n, runs, ...targets }: SigningCase): Section =>
  () => {
    const members = Array.from({ length: n }, () => KeyPair.generate().publicKey).sort()
    const group = { members, threshold }
    const self = at(members, 0)
    const rest = members.slice(1).map((m) => ({ m, dealer: dealerFor(group, m) }))
    const dealings = new Map(rest.map(({ m, dealer }) => [m, dealer.dealing]))
    const shares = new Map(rest.map(({ m, dealer }) => [m, shareFor(dealer, self)]))
    const participant = (): void => {
      const dealer = dealerFor(group, self)
      for (const m of members.slice(1)) shareFor(dealer, m)
      if (!checkDealings(dealer, dealings).ok) throw new Error('a dealing is wrong')
      if (!combineShares(group, self, dealer, dealings, shares).ok) throw new Error('no key')
      dealer.destroy()
    }
    const theirs = noble.dealtGroup(threshold, n)
    const took = inTurns(runs, participant, () => noble.keygen(theirs))
    return [{ name: `keygen, one participant, ${threshold} of ${n}`, unit: 'ms CPU', ...targets, ...took }]
  }

/** Targets of the performance map. */
export const FROST_SECTIONS: readonly Section[] = [
  signing({ threshold: 3, members: 5, runs: { ours: 31, baseline: 7 } }),
  signing({ threshold: 11, members: 15, runs: { ours: 31, baseline: 7 }, target: 5, targetRatio: 0.1 }),
  signing({ threshold: 67, members: 100, runs: { ours: 5, baseline: 1 } }),
  keygen({ threshold: 11, members: 15, runs: { ours: 15, baseline: 5 }, target: 20 }),
  keygen({ threshold: 67, members: 100, runs: { ours: 5, baseline: 1 }, target: 600 }),
]

const fresh = (count: number, key: KeyPackage) => Array.from({ length: count }, () => commitNonces(key))
function next<T>(queue: T[]): T {
  const one = queue.pop()
  if (one === undefined) throw new Error('bench: too few nonces were made')
  return one
}
function at<T>(list: readonly T[], index: number): T {
  const found = list[index]
  if (found === undefined) throw new Error('bench: nothing there')
  return found
}
const keyOf = (keys: ReadonlyMap<PublicKey, KeyPackage>, m: PublicKey): KeyPackage => {
  const key = keys.get(m)
  if (key === undefined) throw new Error('bench: no such member')
  return key
}
