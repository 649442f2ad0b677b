import { describe, expect, it } from 'vitest'
import { concatBytes, toHex } from '../../../../src/base/index.ts'
import {
  aggregateNonces,
  closeMusigKeys,
  type MusigForm,
  type MusigTweak,
  makeNonce,
  type NonceSource,
  OneShotNonce,
  openMusig,
  openMusigSession,
  type SignRequest,
  sessionValues,
  verifyPartial,
} from '../../../../src/crypto/index.ts'
import { verifyTogether } from '../../../../src/crypto/s2/musig2/verify-together.ts'
import type { Curve } from '../../../../src/curve/index.ts'
import { BACKENDS, bytes32, FIELD, G, inBuffer, ORDER } from '../../curve/values.ts'
import { bytes, codeOf, contextOf, KEY, madeUp, others, SCRIPT } from './musig2-fixtures.ts'

const MESSAGE = bytes(32, 3)
const SIGHASH: MusigForm = { kind: 'sighash', sighash: MESSAGE }
const OUTPOINT: MusigForm = { kind: 'outpoint', txid: bytes(32, 4), vout: 1 }
const reference = (form: MusigForm): NonceSource => ({ mode: 'reference', form })
const native = (form: MusigForm, random = bytes(32, 9)): NonceSource => ({ mode: 'native', form, random })
const FORMS = [
  ['sighash, reference', reference(SIGHASH)],
  ['outpoint, reference', reference(OUTPOINT)],
  ['sighash, native', native(SIGHASH)],
  ['outpoint, native', native(OUTPOINT)],
] as const

describe.each(BACKENDS)('a nonce that signs once, on $name', (port) => {
  const keys = madeUp(1, port)
  const context = contextOf(keys, port)
  const OTHERS = concatBytes(port.publicKeyOf(bytes32(7n)), port.publicKeyOf(bytes32(8n)))
  const aggregate = (own: Uint8Array) => aggregateNonces([own, OTHERS], port)
  const make = (source: NonceSource = reference(SIGHASH)) => makeNonce(context, keys, source)

  describe.each(FORMS)('%s', (_what, source) => {
    it('should be two points, the same whenever it is asked for', () => {
      const { publicNonce } = make(source)
      expect(publicNonce).toHaveLength(66)
      expect([publicNonce.subarray(0, 33), publicNonce.subarray(33)].every((half) => port.isPoint(half))).toBe(true)
      expect(toHex(make(source).publicNonce)).toBe(toHex(publicNonce))
    })
    it('should sign, verifiably, and the same from what was kept of it', () => {
      const nonce = make(source)
      const aggNonce = aggregate(nonce.publicNonce)
      const partial = nonce.sign(aggNonce, MESSAGE)
      const session = openMusigSession(context, aggNonce, MESSAGE)
      const signer = { publicKey: keys.publicKey, publicNonce: nonce.publicNonce, weight: context.ownWeight }
      expect(verifyPartial(partial, signer, session, port)).toBe(true)
      const kept = makeNonce(context, keys, source, nonce.publicNonce)
      expect(toHex(kept.signIn(session))).toBe(toHex(partial))
    })
    it('should sign once', () => {
      const nonce = make(source)
      const aggNonce = aggregate(nonce.publicNonce)
      expect(nonce.spent).toBe(false)
      nonce.sign(aggNonce, MESSAGE)
      expect(nonce.spent).toBe(true)
      expect(codeOf(() => nonce.sign(aggNonce, MESSAGE))).toBe('NONCE_SPENT')
      expect(codeOf(() => nonce.sign(aggregate(OTHERS), MESSAGE))).toBe('NONCE_SPENT')
    })
  })

  describe('R31: in native mode', () => {
    const nonceOf = (source: NonceSource) => toHex(make(source).publicNonce)
    it('should be another one with other randomness, and for another form', () => {
      const same = bytes(32, 3)
      const made = [
        nonceOf(native(SIGHASH)),
        nonceOf(native(SIGHASH, bytes(32, 10))),
        nonceOf(native(OUTPOINT)),
        nonceOf(native({ kind: 'outpoint', txid: same, vout: 0 })),
        nonceOf(native({ kind: 'outpoint', txid: same, vout: 1 })),
        nonceOf(native({ kind: 'outpoint', txid: same, vout: 256 })),
        nonceOf(native({ kind: 'sighash', sighash: bytes(32, 5) })),
        nonceOf(reference(SIGHASH)),
        nonceOf(reference(OUTPOINT)),
      ]
      expect(new Set(made).size).toBe(made.length)
    })
    it.each([0, 31, 33, 64])('should take no %i random bytes', (length) => {
      expect(() => make(native(SIGHASH, new Uint8Array(length)))).toThrow(TypeError)
    })
  })

  it('should be another one for other keys, another order, another tweak, another signer', () => {
    const [a = bytes(32), b = bytes(32)] = others(2)
    const other = madeUp(2, port)
    const contexts = (
      [
        [[a, keys.xOnly], KEY],
        [[keys.xOnly, a], KEY],
        [[a, keys.xOnly], SCRIPT],
        [[a, keys.xOnly], { kind: 'key', merkleRoot: bytes(32) }],
        [[b, keys.xOnly], KEY],
      ] as readonly (readonly [readonly Uint8Array[], MusigTweak])[]
    ).map(([orderedPublicKeys, tweak]) => openMusig({ orderedPublicKeys, tweak }, keys.xOnly, port))
    const made = contexts.map((c) => toHex(makeNonce(c, keys, reference(SIGHASH)).publicNonce))
    made.push(toHex(makeNonce(contextOf(other, port), other, reference(SIGHASH)).publicNonce))
    expect(new Set(made).size).toBe(6)
  })

  describe('what is refused before the pair is touched', () => {
    const nonce = make()
    const good = aggregate(nonce.publicNonce)
    const [first, second] = [good.subarray(0, 33), good.subarray(33)]
    const onNoPoint = concatBytes(Uint8Array.of(2), bytes32(5n))
    const zero = new Uint8Array(33)
    for (const [what, bad] of Object.entries({
      empty: new Uint8Array(0),
      'a byte short': good.subarray(1),
      'a byte long': concatBytes(good, Uint8Array.of(0)),
      'one point': first,
      'three points': concatBytes(good, first),
      'of a first half on no point': concatBytes(onNoPoint, second),
      'of a second half on no point': concatBytes(first, onNoPoint),
      'of a second half on no point, and the first at infinity': concatBytes(zero, onNoPoint),
      'of a first half on no point, and the second at infinity': concatBytes(onNoPoint, zero),
      'of a half beyond the field': concatBytes(first, Uint8Array.of(2), bytes32(FIELD)),
      'of a half that is a point once reduced': concatBytes(Uint8Array.of(2), bytes32(FIELD + 1n), second),
      'of prefix 04': concatBytes(Uint8Array.of(4), good.subarray(1)),
      'of prefix 00': concatBytes(Uint8Array.of(0), good.subarray(1)),
      'of infinity with a byte that is not zero': concatBytes(zero, new Uint8Array(32), Uint8Array.of(1)),
      'all ones': new Uint8Array(66).fill(255),
    }))
      it(`should be an aggregate nonce ${what}`, () => {
        expect(codeOf(() => nonce.sign(bad, MESSAGE))).toBe('AGG_NONCE_INVALID')
        expect(codeOf(() => openMusigSession(context, bad, MESSAGE))).toBe('AGG_NONCE_INVALID')
        expect(nonce.spent).toBe(false)
      })
    it.each([0, 31, 33, 64])('should be a message of %i bytes', (length) => {
      expect(codeOf(() => nonce.sign(good, new Uint8Array(length)))).toBe('MESSAGE_LENGTH')
      expect(nonce.spent).toBe(false)
    })
    it('should be another message than the sighash that it is for', () => {
      expect(codeOf(() => nonce.sign(good, bytes(32, 77)))).toBe('MESSAGE_IS_NOT_SIGHASH')
      expect(codeOf(() => make(native(SIGHASH)).sign(good, bytes(32, 77)))).toBe('MESSAGE_IS_NOT_SIGHASH')
      expect(codeOf(() => make(reference(OUTPOINT)).sign(good, bytes(32, 77)))).toBeUndefined()
      expect(nonce.spent).toBe(false)
    })
    it('should be another message, though the sighash was changed meanwhile', () => {
      const sighash = Uint8Array.from(MESSAGE)
      const own = make(reference({ kind: 'sighash', sighash }))
      sighash.set(bytes(32, 77))
      expect(codeOf(() => own.sign(good, bytes(32, 77)))).toBe('MESSAGE_IS_NOT_SIGHASH')
      expect(codeOf(() => own.sign(good, MESSAGE))).toBeUndefined()
    })
    it('should be a session of other keys, another tweak, or the same opened once more', () => {
      for (const other of [contextOf(keys, port, 4), contextOf(keys, port, 3, SCRIPT), contextOf(keys, port)])
        expect(codeOf(() => nonce.signIn(openMusigSession(other, good, MESSAGE)))).toBe('SESSION_OF_OTHER_PARAMS')
      expect(nonce.spent).toBe(false)
    })
    it('should leave a nonce that signs', () => {
      expect(nonce.sign(inBuffer(good), inBuffer(MESSAGE))).toHaveLength(32)
    })
  })

  it('should sign where halves of the aggregate nonce, or both, are at infinity', () => {
    const zero = new Uint8Array(33)
    for (const aggNonce of [concatBytes(zero, G), concatBytes(G, zero), concatBytes(zero, zero)])
      expect(make().sign(aggNonce, MESSAGE)).toHaveLength(32)
  })
  it('should sign where the aggregate nonce adds up to infinity', () => {
    // R₁ = −b·R₂ can't be found, b being a hash of both; so the arithmetic says so of these two.
    const values = sessionValues(context.publicKey, concatBytes(G, G), MESSAGE, {
      ...port,
      linearCombination: () => undefined,
    })
    expect(toHex(values.nonceX)).toBe(toHex(G.subarray(1)))
    expect(values.isOdd).toBe(false)
  })

  describe('a signature that went wrong', () => {
    /** What signing says where one function of the port goes wrong the first time that it is called for the signature. */
    const codeWith = (
      name: keyof Curve,
      wrong: (...operands: readonly Uint8Array[]) => Uint8Array,
      sighash: Uint8Array,
    ) => {
      const faulty: Curve = { ...port }
      const own = contextOf(keys, faulty)
      const nonce = makeNonce(own, keys, reference({ kind: 'sighash', sighash }))
      const session = openMusigSession(own, aggregate(nonce.publicNonce), sighash)
      const once = (...operands: readonly Uint8Array[]) => {
        Object.assign(faulty, { [name]: port[name] })
        return wrong(...operands)
      }
      Object.assign(faulty, { [name]: once })
      return { isOdd: session.isOdd, code: codeOf(() => nonce.signIn(session)) }
    }
    const next = (right: Uint8Array) => port.addScalars(right, bytes32(1n))
    it.each([
      ['mulScalars', (a = bytes(32), b = bytes(32)) => next(port.mulScalars(a, b))],
      ['addScalars', (a = bytes(32), b = bytes(32)) => next(port.addScalars(a, b))],
    ] as const)('should be kept back: a wrong result of %s', (name, wrong) => {
      expect(codeWith(name, wrong, MESSAGE).code).toBe('SELF_VERIFY_FAILED')
    })
    it('should be kept back: nonces of the other sign', () => {
      // Of R it has the x coordinate all the same.
      const asItWas = (a = bytes(32)) => Uint8Array.from(a)
      const odd = [1, 2, 3, 4, 5, 6, 7, 8]
        .map((i) => codeWith('negateScalar', asItWas, bytes(32, i)))
        .filter((c) => c.isOdd)
      expect(odd.length).toBeGreaterThan(0)
      for (const { code } of odd) expect(code).toBe('SELF_VERIFY_FAILED')
    })
    it('should be kept back: another secret key than the public one', () => {
      const swapped = { ...keys, secretKey: bytes(32, 55) }
      const nonce = makeNonce(context, swapped, reference(SIGHASH))
      expect(codeOf(() => nonce.sign(aggregate(nonce.publicNonce), MESSAGE))).toBe('SELF_VERIFY_FAILED')
    })
    it('should be kept back: a secret key that was zeroed meanwhile', () => {
      const mine = madeUp(1, port)
      const nonce = makeNonce(context, mine, reference(SIGHASH))
      mine.secretKey.fill(0)
      expect(codeOf(() => nonce.sign(aggregate(nonce.publicNonce), MESSAGE))).toBe('SELF_VERIFY_FAILED')
      expect(nonce.spent).toBe(true)
    })
    it.each([
      ['of another form', () => make(reference(OUTPOINT)).publicNonce],
      [
        'with its halves exchanged',
        () => concatBytes(make().publicNonce.subarray(33), make().publicNonce.subarray(0, 33)),
      ],
      ['of zeros', () => new Uint8Array(66)],
      ['that is empty', () => new Uint8Array(0)],
      ['negated', () => make().publicNonce.map((byte, i) => (i % 33 === 0 ? byte ^ 1 : byte))],
    ])('should be kept back: a public nonce %s in the place of the one that was kept', (_what, other) => {
      const nonce = makeNonce(context, keys, reference(SIGHASH), other())
      expect(codeOf(() => nonce.sign(aggregate(make().publicNonce), MESSAGE))).toBe('SELF_VERIFY_FAILED')
    })
  })

  describe('the pair', () => {
    /** Every array that the port computes a public key of: the pair, while it lives. */
    const watched = () => {
      const seen: Uint8Array[] = []
      const watching: Curve = {
        ...port,
        publicKeyOf: (secret) => {
          seen.push(secret)
          return port.publicKeyOf(secret)
        },
      }
      const own = contextOf(keys, watching)
      return { seen, nonce: makeNonce(own, keys, reference(SIGHASH)), own }
    }
    const zeros = new Uint8Array(32)
    it('should be zeroed by the signature', () => {
      const { seen, nonce } = watched()
      expect(seen).toHaveLength(2)
      for (const secret of seen) expect(secret).not.toEqual(zeros)
      nonce.sign(aggregate(nonce.publicNonce), MESSAGE)
      for (const secret of seen) expect(secret).toEqual(zeros)
    })
    it('should be zeroed when signing throws', () => {
      const { seen, nonce, own } = watched()
      const broken = openMusigSession(own, aggregate(nonce.publicNonce), MESSAGE)
      const session = { ...broken, challenge: bytes32(ORDER) }
      expect(() => nonce.signIn(session)).toThrow(TypeError)
      for (const secret of seen) expect(secret).toEqual(zeros)
      expect(codeOf(() => nonce.signIn(broken))).toBe('NONCE_SPENT')
    })
    it('should be zeroed unused, and sign no more', () => {
      const { seen, nonce } = watched()
      nonce.destroy()
      for (const secret of seen) expect(secret).toEqual(zeros)
      expect(codeOf(() => nonce.sign(aggregate(nonce.publicNonce), MESSAGE))).toBe('NONCE_SPENT')
    })
    it('should be rendered nowhere', () => {
      const { seen, nonce } = watched()
      const rendered = `${JSON.stringify(nonce)} ${String(nonce)} ${JSON.stringify(Object.entries(nonce))}`
      for (const secret of seen) {
        expect(rendered).not.toContain(toHex(secret))
        expect(rendered).not.toContain([...secret].join(','))
      }
    })
  })

  describe.each([
    ['a sighash of 31 bytes', { kind: 'sighash', sighash: bytes(31) }],
    ['a sighash of 33 bytes', { kind: 'sighash', sighash: bytes(33) }],
    ['an empty sighash', { kind: 'sighash', sighash: bytes(0) }],
    ['a txid of 31 bytes', { kind: 'outpoint', txid: bytes(31), vout: 0 }],
    ['a vout of 33 bits', { kind: 'outpoint', txid: bytes(32), vout: 2 ** 32 }],
    ['a vout below zero', { kind: 'outpoint', txid: bytes(32), vout: -1 }],
    ['half a vout', { kind: 'outpoint', txid: bytes(32), vout: 0.5 }],
    ['a vout that is none', { kind: 'outpoint', txid: bytes(32), vout: Number.NaN }],
  ] as readonly (readonly [string, MusigForm])[])('%s', (_what, form) => {
    it('should have no nonce', () => {
      expect(codeOf(() => make(reference(form)))).toBe('FORM_INVALID')
      expect(codeOf(() => make(native(form)))).toBe('FORM_INVALID')
    })
  })

  it('should not be made with keys that the context is not of, or closed ones', () => {
    expect(() => makeNonce(context, madeUp(2, port), reference(SIGHASH))).toThrow(TypeError)
    const closed = madeUp(1, port)
    closeMusigKeys(closed)
    expect(() => makeNonce(context, closed, reference(SIGHASH))).toThrow(TypeError)
  })

  describe('many at once', () => {
    const sighashes = [1, 2, 3, 4, 5].map((i) => bytes(32, i))
    const request = (sighash: Uint8Array, withKeys = keys, publicNonce?: Uint8Array, of = context) => {
      const nonce = makeNonce(of, withKeys, reference({ kind: 'sighash', sighash }), publicNonce)
      const right = makeNonce(of, keys, reference({ kind: 'sighash', sighash })).publicNonce
      return { nonce, session: openMusigSession(of, aggregate(right), sighash) }
    }
    const alone = (sighash: Uint8Array) => {
      const { nonce, session } = request(sighash)
      return toHex(nonce.signIn(session))
    }
    const said = (requests: readonly SignRequest[]) =>
      OneShotNonce.signAll(requests).map((one) => (one.ok ? toHex(one.value) : one.reason))

    it('should be signed as each alone, under nonces of either sign', () => {
      const requests = sighashes.map((sighash) => request(sighash))
      expect(new Set(requests.map((r) => r.session.isOdd)).size).toBe(2)
      expect(said(requests)).toEqual(sighashes.map(alone))
      expect(requests.every((r) => r.nonce.spent)).toBe(true)
    })
    it('should be none, or one', () => {
      expect(said([])).toEqual([])
      expect(said(sighashes.slice(0, 1).map((sighash) => request(sighash)))).toEqual(sighashes.slice(0, 1).map(alone))
    })
    it('should be refused each for itself', () => {
      const requests = sighashes.map((sighash) => request(sighash))
      const [a, b, c, d, e] = requests
      if (!a || !b || !c || !d || !e) throw new Error('five')
      b.nonce.destroy()
      const other = openMusigSession(contextOf(keys, port, 4), aggregate(OTHERS), sighashes[2] ?? MESSAGE)
      const answers = said([a, b, { ...c, session: other }, { ...d, session: e.session }, e, a])
      const [first = '', , , , fifth = ''] = sighashes.map(alone)
      expect(answers).toEqual([
        first,
        'NONCE_SPENT',
        'SESSION_OF_OTHER_PARAMS',
        'MESSAGE_IS_NOT_SIGHASH',
        fifth,
        'NONCE_SPENT',
      ])
      expect([c.nonce.spent, d.nonce.spent]).toEqual([false, false])
    })
    it('should be kept back where one went wrong, and the others given', () => {
      const [one = MESSAGE, two = MESSAGE, three = MESSAGE] = sighashes
      const swapped = { ...keys, secretKey: bytes(32, 55) }
      const otherNonce = makeNonce(context, keys, reference(OUTPOINT)).publicNonce
      expect(said([request(one), request(two, swapped), request(three)])).toEqual([
        alone(one),
        'SELF_VERIFY_FAILED',
        alone(three),
      ])
      expect(said([request(one, keys, otherNonce), request(two), request(three, swapped)])).toEqual([
        'SELF_VERIFY_FAILED',
        alone(two),
        'SELF_VERIFY_FAILED',
      ])
      expect(said([request(one, keys, new Uint8Array(0)), request(two, keys, new Uint8Array(66))])).toEqual([
        'SELF_VERIFY_FAILED',
        'SELF_VERIFY_FAILED',
      ])
    })
    it('should be kept back where errors add up to nothing', () => {
      const made = sighashes.slice(0, 2).map((sighash) => {
        const { nonce, session } = request(sighash)
        const signer = { publicKey: keys.publicKey, publicNonce: nonce.publicNonce, weight: context.ownWeight }
        return { partial: nonce.signIn(session), signer, session }
      })
      const [a, b] = made
      if (!a || !b) throw new Error('two')
      expect(verifyTogether([a, b])).toBe(true)
      const delta = bytes32(12345n)
      const plus = { ...a, partial: port.addScalars(a.partial, delta) }
      const minus = { ...b, partial: port.addScalars(b.partial, port.negateScalar(delta)) }
      expect(verifyTogether([plus, minus])).toBe(false)
      expect(verifyTogether([plus, b])).toBe(false)
      expect(verifyTogether([a, { ...b, partial: port.negateScalar(b.partial) }])).toBe(false)
      expect(verifyTogether([a, { ...b, partial: bytes32(ORDER) }])).toBe(false)
      expect(verifyTogether([a, { ...b, partial: b.partial.subarray(1) }])).toBe(false)
      expect(verifyTogether([a, { ...b, signer: { ...b.signer, publicKey: G } }])).toBe(false)
      expect(verifyTogether([a, { ...b, signer: { ...b.signer, publicNonce: new Uint8Array(66) } }])).toBe(false)
      expect(verifyTogether([a, { ...b, session: { ...b.session, isOdd: !b.session.isOdd } }])).toBe(false)
      const elsewhere = contextOf(keys, port)
      const far = openMusigSession(elsewhere, aggregate(b.signer.publicNonce), sighashes[1] ?? MESSAGE)
      expect(verifyTogether([a, { ...b, session: far }])).toBe(false)
    })
    it('should give nothing away where arithmetic throws', () => {
      const requests = sighashes.map((sighash) => request(sighash))
      const [a, b] = requests
      if (!a || !b) throw new Error('two')
      const broken = { ...b, session: { ...b.session, challenge: bytes32(ORDER) } }
      expect(() => OneShotNonce.signAll([a, broken])).toThrow(TypeError)
      expect([a.nonce.spent, b.nonce.spent]).toEqual([true, true])
    })
  })
})
