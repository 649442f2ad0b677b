import { concatBytes, type PublicKey } from '../../../../src/base/index.ts'
import {
  boxHash,
  dealerFor,
  EphemeralKey,
  proveDealerKey,
  proveReceiverKey,
  sealPair,
  shareFor,
} from '../../../../src/crypto/index.ts'
import { curve, randomBytes } from '../../../../src/curve/index.ts'
import { decodeKeygen, encodeKeygen } from '../../../../src/rounds/keygen/codec.ts'
import type { KeygenPayloads, KeygenStep } from '../../../../src/rounds/keygen/steps.ts'
import type { Cheat, SimNode, Words } from './harness.ts'

/** The content of well-formed words of our own. */
export function contentOf<S extends KeygenStep>(step: S, payload: Uint8Array): KeygenPayloads[S] {
  const value = decodeKeygen(step, payload)
  if (value === undefined) throw new Error(`not a ${step}`)
  return value
}

/** What a cheater made up: it says the same on a resend, and believes it itself, so that only the lie shows. */
const liesOf = new WeakMap<SimNode, Map<string, Uint8Array>>()

/** Words that are lied about once, slot by slot. */
function lie(node: SimNode, words: readonly Words[], makeUp: (w: Words) => Uint8Array): readonly Words[] {
  const lies = liesOf.get(node) ?? new Map<string, Uint8Array>()
  liesOf.set(node, lies)
  return words.map((w) => {
    const slot = `${w.step} ${w.step === 'share' ? w.to : ''}`
    const payload = lies.get(slot) ?? makeUp(w)
    lies.set(slot, payload)
    believe(node, w, payload)
    return { ...w, payload }
  })
}

function believe(node: SimNode, { step, to }: Words, payload: Uint8Array): void {
  const { said } = node.state
  if (step === 'share')
    node.state = { ...node.state, said: { ...said, shares: new Map(said.shares).set(to as PublicKey, payload) } }
  else node.state = { ...node.state, said: { ...said, [step]: payload } }
}

/** Changes the content of one step, and stays well-formed. */
export const changing =
  <S extends KeygenStep>(step: S, change: (value: KeygenPayloads[S], node: SimNode) => KeygenPayloads[S]): Cheat =>
  (words, node) =>
    lie(node, words, (w) =>
      w.step === step ? encodeKeygen(step, change(contentOf(step, w.payload), node)) : w.payload,
    )

export const victimOf = (node: SimNode): PublicKey => node.state.others[0] as PublicKey
const contextOf = (node: SimNode, receiver: PublicKey) => ({
  attempt: node.state.attemptId,
  dealer: node.self,
  receiver,
})
const openOf = (node: SimNode, receiver: PublicKey): Uint8Array => {
  const key = node.state.inbox.open.get(receiver)?.value.receiverKey
  if (key === undefined) throw new Error('not opened')
  return key
}

type Sealed = Omit<KeygenPayloads['share'], 'receiver'>
export const sealed = (
  node: SimNode,
  receiver: PublicKey,
  plaintext: Uint8Array,
  key = EphemeralKey.generate(),
): Sealed => ({
  dealerKey: key.publicKey,
  proof: proveDealerKey(contextOf(node, receiver), key),
  box: sealPair(contextOf(node, receiver), key, openOf(node, receiver), plaintext),
  receiverKey: openOf(node, receiver),
})

/** Sends the victim another share, and commits to its box in the deal as if nothing were. */
export const dealingBadly =
  (
    make: (node: SimNode, receiver: PublicKey, honest: KeygenPayloads['share']) => Sealed,
    open?: (node: SimNode) => KeygenPayloads['open'],
  ): Cheat =>
  (words, node) => {
    const victim = victimOf(node)
    const honest = words.find((w) => w.step === 'share' && w.to === victim)
    const isNew = honest !== undefined && !liesOf.get(node)?.has('deal ')
    const bad = isNew ? { receiver: victim, ...make(node, victim, contentOf('share', honest.payload)) } : undefined
    return lie(node, words, (w) => {
      if (w.step === 'open' && open !== undefined) return encodeKeygen('open', open(node))
      if (bad === undefined) return w.payload
      if (w === honest) return encodeKeygen('share', bad)
      if (w.step !== 'deal') return w.payload
      const { dealing, boxHashes } = contentOf('deal', w.payload)
      const index = node.state.others.indexOf(victim)
      return encodeKeygen('deal', { dealing, boxHashes: boxHashes.map((h, i) => (i === index ? boxHash(bad.box) : h)) })
    })
  }

const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((b, i) => (i === bytes.length - 1 ? b ^ 1 : b))
const one = Uint8Array.from({ length: 32 }, (_, i) => (i === 31 ? 1 : 0))
export const plusOne = (scalar: Uint8Array): Uint8Array => curve.addScalars(scalar, one)
export const minusOne = (scalar: Uint8Array): Uint8Array => curve.addScalars(scalar, curve.negateScalar(one))

/** Each is one well-formed lie; the codes are what honest members must call it. */
export const CHEATS = {
  'a proof of knowledge of something else': {
    code: 'bad_proof_of_knowledge',
    cheat: changing('deal', (d) => ({
      ...d,
      dealing: { ...d.dealing, proofOfKnowledge: flipped(d.dealing.proofOfKnowledge) },
    })),
  },
  'a deal copied from another member': {
    code: 'bad_proof_of_knowledge',
    cheat: changing('deal', (d, node) => {
      const other = dealerFor(node.state.params, victimOf(node))
      return { ...d, dealing: other.dealing }
    }),
  },
  'a commitment too many': {
    code: 'wrong_commitment_count',
    cheat: changing('deal', (d) => ({
      ...d,
      dealing: { ...d.dealing, commitments: [...d.dealing.commitments, ...d.dealing.commitments.slice(0, 1)] },
    })),
  },
  'a commitment too few': {
    code: 'wrong_commitment_count',
    cheat: changing('deal', (d) => ({
      ...d,
      dealing: { ...d.dealing, commitments: d.dealing.commitments.slice(0, -1) },
    })),
  },
  'a commitment that is no point': {
    code: 'malformed',
    cheat: changing('deal', (d) => ({
      ...d,
      dealing: { ...d.dealing, commitments: [...d.dealing.commitments.slice(0, -1), new Uint8Array(33)] },
    })),
  },
  'a box hash too few': {
    code: 'malformed',
    cheat: changing('deal', (d) => ({ ...d, boxHashes: d.boxHashes.slice(1) })),
  },
  'an unknown field': {
    code: 'malformed',
    cheat: (words) =>
      words.map((w) => (w.step === 'open' ? { ...w, payload: concatBytes(w.payload, Uint8Array.of(0x78, 1)) } : w)),
  },
  'no message at all in its envelope': {
    code: 'malformed',
    cheat: (words) => words.map((w) => (w.step === 'confirm' ? { ...w, payload: new Uint8Array() } : w)),
  },
  'nonce commitments that are no points': {
    code: 'malformed',
    cheat: changing('confirm', (c) => ({
      ...c,
      commitment: { hiding: new Uint8Array(33), binding: c.commitment.binding },
    })),
  },
  'a key of its own choice in its confirmation': {
    code: 'transcript_mismatch',
    cheat: changing('confirm', (c) => ({ ...c, aggregateKey: evenKey })),
  },
  'an opening key it has no secret of': {
    code: 'bad_ephemeral_proof',
    cheat: changing('open', (o) => ({ ...o, receiverKey: evenKeyBytes })),
  },
  'a share of another polynomial': {
    code: 'bad_share',
    cheat: dealingBadly((node, receiver) => sealed(node, receiver, curve.randomScalar())),
  },
  'a share of zero': {
    code: 'bad_share',
    cheat: dealingBadly((node, receiver) => sealed(node, receiver, new Uint8Array(32))),
  },
  'a share beyond the order': {
    code: 'bad_share',
    cheat: dealingBadly((node, receiver) => sealed(node, receiver, new Uint8Array(32).fill(0xff))),
  },
  'a box that is noise': {
    code: 'undecryptable_share',
    cheat: dealingBadly((_node, _receiver, honest) => ({ ...honest, box: randomBytes(48) })),
  },
  'a box for somebody else': {
    code: 'undecryptable_share',
    cheat: dealingBadly((node, receiver, honest) => ({
      ...honest,
      box: sealed(node, node.state.others[1] as PublicKey, curve.randomScalar()).box,
      receiver,
    })),
  },
  'a box it did not commit to': {
    code: 'ciphertext_mismatch',
    cheat: changing('share', (s, node) =>
      s.receiver === victimOf(node) ? { ...s, ...sealed(node, s.receiver, curve.randomScalar()) } : s,
    ),
  },
  'a dealer key proved for another receiver': {
    code: 'bad_ephemeral_proof',
    cheat: dealingBadly((node, receiver) => {
      const key = EphemeralKey.generate()
      const other = node.state.others[1] as PublicKey
      return {
        ...sealed(node, receiver, curve.randomScalar(), key),
        proof: proveDealerKey(contextOf(node, other), key),
      }
    }),
  },
  'the dealer key of another dealer, copied': {
    code: 'bad_ephemeral_proof',
    cheat: dealingBadly((_node, _receiver, honest) => ({ ...honest, dealerKey: evenKeyBytes })),
  },
} as const satisfies Record<string, { code: string; cheat: Cheat }>

const evenKeyBytes = (() => {
  for (;;) {
    const point = curve.publicKeyOf(curve.randomScalar())
    if (point[0] === 2) return point
  }
})()
const evenKey = Buffer.from(evenKeyBytes).toString('hex') as PublicKey

/** Opens with a key of its own, and deals to the victim with the same one. */
export function reusingItsKey(): Cheat {
  const secret = curve.randomScalar()
  // Made anew each time: the machine destroys the keys that it holds.
  const key = () => EphemeralKey.generate(() => secret)
  return dealingBadly(
    (node, receiver) => sealed(node, receiver, curve.randomScalar(), key()),
    (node) => {
      if (node.state.phase.kind === 'opening')
        node.state = { ...node.state, phase: { kind: 'opening', receiverKey: key() } }
      return { receiverKey: key().publicKey, proof: proveReceiverKey(node.state.attemptId, node.self, key()) }
    },
  )
}

/** Deals one polynomial to the victim and another to everybody else: each of the two is whole and well proved. */
export function dealingTwice(): Cheat {
  return (words, node) => {
    const deal = words.find((w) => w.step === 'deal')
    if (deal === undefined || !words.some((w) => w.step === 'share'))
      return words.filter((w) => w.step !== 'deal' && w.step !== 'share')
    const victim = victimOf(node)
    const { others, params } = node.state
    const second = dealerFor(params, node.self)
    const boxes = others.map((m) => ({ receiver: m, ...sealed(node, m, shareFor(second, m)) }))
    const secondDeal = encodeKeygen('deal', { dealing: second.dealing, boxHashes: boxes.map((b) => boxHash(b.box)) })
    return words.flatMap((w): readonly Words[] => {
      if (w === deal)
        return [
          { ...w, to: others.filter((m) => m !== victim) },
          { ...w, to: victim, payload: secondDeal },
        ]
      const box = boxes.find((b) => b.receiver === w.to)
      return w.step === 'share' && w.to === victim && box !== undefined
        ? [{ ...w, payload: encodeKeygen('share', box) }]
        : [w]
    })
  }
}

/** Confirms one transcript to all, but to the victim with other nonce commitments than to everybody else. */
export const confirmingTwice = (): Cheat => (words, node) =>
  words.flatMap((w): readonly Words[] => {
    if (w.step !== 'confirm') return [w]
    const confirm = contentOf('confirm', w.payload)
    const { hiding, binding } = confirm.commitment
    const other = encodeKeygen('confirm', { ...confirm, commitment: { hiding: binding, binding: hiding } })
    const victim = victimOf(node)
    return [
      { ...w, to: node.state.others.filter((m) => m !== victim) },
      { ...w, to: victim, payload: other },
    ]
  })
