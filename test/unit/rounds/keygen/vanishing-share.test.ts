import { secp256k1 } from '@noble/curves/secp256k1.js'
import { describe, expect, it } from 'vitest'
import { fromHex, LIMITS, type PublicKey } from '../../../../src/base/index.ts'
import {
  boxHash,
  EphemeralKey,
  identifierOf,
  openPair,
  proveDealerKey,
  sealPair,
} from '../../../../src/crypto/index.ts'
import { proveKnowledge } from '../../../../src/crypto/keygen/dealing.ts'
import { curve, randomBytes, taggedHash, xOnly } from '../../../../src/curve/index.ts'
import { encodeKeygen } from '../../../../src/rounds/keygen/codec.ts'
import { failureOf } from '../../../../src/rounds/pending/keygen-failure.ts'
import { type Cheat, Network, reasonOf, type SimNode, type Words } from './harness.ts'

const { Fn } = secp256k1.Point
const scalar = (bytes: Uint8Array) => Fn.fromBytes(bytes)
const xOf = (member: PublicKey) => scalar(fromHex(identifierOf(member)))
const at = (coefficients: readonly bigint[], x: bigint) =>
  coefficients.reduceRight((y, c) => Fn.add(Fn.mul(y, x), c), 0n)
const saysOf = (step: string) => (w: Words) => w.step === step

/** Waits for everybody's deal, and then deals a parabola that makes its own share of the key zero. */
function rushing(firstDrawn: () => Uint8Array): Cheat {
  let hasDealt = false
  return (words, node): readonly Words[] => {
    const others = words.filter((w) => !saysOf('deal')(w) && !saysOf('share')(w))
    const { inbox, others: members } = node.state
    if (hasDealt || inbox.deal.size < members.length || inbox.share.size < members.length) return others
    hasDealt = true
    return [...others, ...vanishingWords(node, firstDrawn())]
  }
}

function vanishingWords(node: SimNode, receiverSecret: Uint8Array): readonly Words[] {
  const { inbox, attemptId: attempt, others } = node.state
  const self = node.self
  const own = EphemeralKey.generate(() => receiverSecret)
  const dealt = [...inbox.share].map(([dealer, { value }]) => {
    const opened = openPair({ attempt, dealer, receiver: self }, own, value.dealerKey, value.box)
    return scalar(opened as Uint8Array)
  })
  const [a0, a1] = [scalar(curve.randomScalar()), scalar(curve.randomScalar())]
  const point = curve.publicKeyOf(Fn.toBytes(a0))
  const constants = [...inbox.deal.values()].map((h) => h.value.dealing.commitments[0] as Uint8Array)
  const joint = curve.sumPoints([point, ...constants]) as Uint8Array
  const tweak = scalar(taggedHash('TapTweak', xOnly(joint)))
  const target = Fn.sub(
    joint[0] === 3 ? tweak : Fn.neg(tweak),
    dealt.reduce((a, b) => Fn.add(a, b)),
  )
  const x = xOf(self)
  const a2 = Fn.div(Fn.sub(target, Fn.add(a0, Fn.mul(a1, x))), Fn.mul(x, x))
  const coefficients = [a0, a1, a2]
  const dealing = {
    commitments: coefficients.map((c) => curve.publicKeyOf(Fn.toBytes(c))),
    proofOfKnowledge: proveKnowledge(identifierOf(self), { secret: Fn.toBytes(a0), point }, undefined, curve),
  }
  const sealed = others.map((receiver) => {
    const context = { attempt, dealer: self, receiver }
    const key = EphemeralKey.generate()
    const receiverKey = inbox.open.get(receiver)?.value.receiverKey as Uint8Array
    const box = sealPair(context, key, receiverKey, Fn.toBytes(at(coefficients, xOf(receiver))))
    return { receiver, dealerKey: key.publicKey, proof: proveDealerKey(context, key), box, receiverKey }
  })
  return [
    { step: 'deal', payload: encodeKeygen('deal', { dealing, boxHashes: sealed.map((s) => boxHash(s.box)) }) },
    ...sealed.map((s) => ({ step: 'share', payload: encodeKeygen('share', s), to: s.receiver })),
  ]
}

describe('R19: a member that deals last and gives itself a share of zero', () => {
  it.each([
    ['on the event loop', 4],
    ['beside the machine', LIMITS.maxKeygenOnLoop + 1],
  ])('should be named to every operator, and nobody else, where keys are made %s', (_where, n) => {
    const drawn: Uint8Array[] = []
    const rng = (lengthBytes = 32) => {
      const bytes = randomBytes(lengthBytes)
      drawn.push(bytes.slice())
      return bytes
    }
    const last = n - 1
    const cheats = { [last]: rushing(() => drawn[0] as Uint8Array) }
    const net = new Network({ n, threshold: 3, seed: 5, cheats, rngs: { [last]: rng } }).run()
    const cheat = net.nodes[last]?.self as PublicKey
    for (const node of net.honest) {
      const reason = reasonOf(node)
      expect(reason).toEqual({ kind: 'unusable_key', vanishing: [cheat] })
      const failure = reason && failureOf(1, reason)
      expect(failure?.blamed).toEqual([{ member: cheat, fault: 'vanishing_share' }])
    }
  })
})
