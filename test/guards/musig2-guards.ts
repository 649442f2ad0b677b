import type { Guard } from './guards.ts'

const unit = (file: string, name?: string): Guard['test'] => ({
  project: 'unit',
  file: `test/unit/${file}.test.ts`,
  ...(name === undefined ? {} : { name }),
})
const musig = (file: string, name?: string): Guard['test'] => unit(`crypto/s2/musig2-${file}`, name)
const NONCE = 'src/crypto/s2/musig2/one-shot-nonce.ts'
const CONTEXT = 'src/crypto/s2/musig2/context.ts'
const KEYS = 'src/crypto/s2/musig2/aggregate-key.ts'
const GEN = 'src/crypto/s2/musig2/nonce-gen.ts'
const FORM = 'src/crypto/s2/musig2/form.ts'
const VERIFY = 'src/crypto/s2/musig2/partial-verify.ts'

/** MuSig2 of the secret service. */
export const MUSIG2_GUARDS: readonly Guard[] = [
  {
    name: 'MuSig2: a nonce signs once',
    file: NONCE,
    guard: "    if (this.#spent) throw new MusigError('NONCE_SPENT', 'this nonce has signed, or was destroyed')\n",
    gone: '',
    test: musig('nonce', 'sign once'),
  },
  {
    name: 'MuSig2: a nonce that failed to sign is spent',
    file: NONCE,
    guard: '    this.#spent = true\n    return this.#pair\n',
    gone: '    return this.#pair\n',
    test: musig('nonce', 'when signing throws'),
  },
  {
    name: 'MuSig2: nonces and what is made of them are zeroed',
    file: 'src/crypto/s2/musig2/partial-signature.ts',
    guard: '    zeroize(...secrets)\n',
    gone: '    zeroize()\n',
    test: musig('nonce', 'the pair'),
  },
  {
    name: 'MuSig2: a nonce that is destroyed is zeroed',
    file: NONCE,
    guard: '    zeroize(this.#pair.first, this.#pair.second)\n',
    gone: '',
    test: musig('nonce', 'zeroed unused'),
  },
  {
    name: 'MuSig2: no partial signature is given away that was not verified',
    file: NONCE,
    guard: 'if (!verifyPartial(made.partial, made.signer, session, session.context.port)) throw keptBack(made)',
    gone: 'if (made.partial.length !== 32) throw keptBack(made)',
    test: musig('nonce', 'went wrong'),
  },
  {
    name: 'MuSig2: a partial signature is verified with the sign of its nonce',
    file: VERIFY,
    guard: 'return equalBytes(signed, session.isOdd ? negated(nonce) : nonce)',
    gone: 'return equalBytes(signed.subarray(1), (session.isOdd ? negated(nonce) : nonce).subarray(1))',
    test: musig('nonce', 'other sign'),
  },
  {
    name: 'MuSig2: many partial signatures are verified together',
    file: NONCE,
    guard: 'if (verifyTogether(signed)) return',
    gone: 'if (signed.length > 1) return',
    test: musig('nonce', 'many at once'),
  },
  {
    name: 'MuSig2: of many, the wrong ones are kept back',
    file: NONCE,
    guard: 'if (verifyPartial(partial, signer, session, session.context.port)) return accept(partial)',
    gone: 'if (signer.weight.length === 32) return accept(partial)',
    test: musig('nonce', 'many at once'),
  },
  {
    name: 'MuSig2: errors of many do not cancel out',
    file: 'src/crypto/s2/musig2/verify-together.ts',
    guard: '  scalar.set(random, 32 - random.length)\n',
    gone: '',
    test: musig('nonce', 'add up to nothing'),
  },
  {
    name: 'MuSig2: nonces of many are verified with their sign',
    file: 'src/crypto/s2/musig2/verify-together.ts',
    guard: '(isOdd ? negated(half) : half)',
    gone: '(isOdd ? half : half)',
    test: musig('nonce', 'add up to nothing'),
  },
  {
    name: 'MuSig2: only those of one context are verified together',
    file: 'src/crypto/s2/musig2/verify-together.ts',
    guard: 'm.session.context !== session.context || !equalBytes(m.signer.publicKey, signer.publicKey)',
    gone: 'm.session.context === undefined',
    test: musig('nonce', 'add up to nothing'),
  },
  {
    name: 'MuSig2: a nonce of the sighash form signs its sighash alone',
    file: NONCE,
    guard: 'if (sighash !== undefined && !equalBytes(sighash, session.message))',
    gone: 'if (sighash !== undefined && !equalBytes(sighash, sighash))',
    test: musig('nonce', 'another message'),
  },
  {
    name: 'MuSig2: a nonce signs in sessions of its own keys and tweak',
    file: NONCE,
    guard: 'if (session.context !== context)',
    gone: 'if (session.context === undefined)',
    test: musig('nonce', 'a session of other keys'),
  },
  {
    name: 'MuSig2: an own key that is another one makes no nonce',
    file: NONCE,
    guard:
      "  if (!equalBytes(keys.publicKey, context.ownPublicKey)) throw new TypeError('the context is of another own key')\n",
    gone: '',
    test: musig('nonce', 'not be made with keys'),
  },
  {
    name: 'MuSig2: an aggregate nonce has 66 bytes',
    file: 'src/crypto/s2/musig2/nonce-agg.ts',
    guard: 'if (aggNonce.length !== NONCE_BYTES)',
    gone: 'if (aggNonce.length < 0)',
    test: musig('nonce', 'be an aggregate nonce'),
  },
  {
    name: 'MuSig2: infinity is zeros and nothing else',
    file: 'src/crypto/s2/musig2/points.ts',
    guard: 'bytes.every((byte) => byte === 0)',
    gone: 'bytes[0] === 0',
    test: musig('nonce', 'a byte that is not zero'),
  },
  {
    name: 'MuSig2: the message has 32 bytes',
    file: 'src/crypto/s2/musig2/session.ts',
    guard: 'if (message.length !== 32)',
    gone: 'if (message.length < 0)',
    test: musig('nonce', 'a message of'),
  },
  {
    name: 'MuSig2: nonces are hedged with the secret key',
    file: GEN,
    guard: 'mask[i] = (mask[i] ?? 0) ^ secretByte',
    gone: 'mask[i] = (mask[i] ?? 0) ^ (secretByte & 0)',
    test: musig('bip327', 'nonces'),
  },
  {
    name: 'R31: nonces of native mode take in what is random',
    file: FORM,
    guard: 'return [NATIVE_TAG, FORM_BYTES[form.kind], ...named, source.random]',
    gone: 'return [NATIVE_TAG, FORM_BYTES[form.kind], ...named]',
    test: musig('nonce', 'R31'),
  },
  {
    name: 'R31: what is random has 32 bytes',
    file: FORM,
    guard: 'if (source.random.length !== HASH_BYTES)',
    gone: 'if (source.random.length < 0)',
    test: musig('nonce', 'R31'),
  },
  {
    name: 'MuSig2: nonces of an outpoint are of its output index',
    file: FORM,
    guard: '[txid, u32le(vout)]',
    gone: '[txid, u32le(vout & 0xff)]',
    test: musig('nonce', 'R31'),
  },
  {
    name: 'MuSig2: nonces differ with the position among the signers',
    file: NONCE,
    guard: 'extraInput: u32be(context.ownIndex)',
    gone: 'extraInput: u32be(0)',
    test: musig('vectors', 'as it is given'),
  },
  {
    name: 'MuSig2: no key stands twice',
    file: CONTEXT,
    guard: '    if (seen.has(name)) throw',
    gone: '    if (seen.has(name.slice(1))) throw',
    test: musig('context', 'not be opened'),
  },
  {
    name: 'MuSig2: there are no more keys than the limit',
    file: CONTEXT,
    guard: 'if (keys.length > LIMITS.maxMusigKeys)',
    gone: 'if (keys.length > 2 * LIMITS.maxMusigKeys)',
    test: musig('context', 'more keys than the limit'),
  },
  {
    name: 'MuSig2: keys have 32 bytes',
    file: CONTEXT,
    guard: 'key.length !== X_BYTES',
    gone: 'key.length > 2 * X_BYTES',
    test: musig('context', 'not be opened'),
  },
  {
    name: 'MuSig2: who is no part of it makes this signer compute nothing',
    file: CONTEXT,
    guard: '  if (ownIndex < 0)\n',
    gone: '  if (ownIndex < -1)\n',
    test: musig('context', 'before it computes'),
  },
  {
    name: 'MuSig2: a merkle root has 32 bytes',
    file: CONTEXT,
    guard: 'tweak.merkleRoot !== null && tweak.merkleRoot.length !== 32',
    gone: 'tweak.merkleRoot !== null && tweak.merkleRoot.length > 999',
    test: musig('context', 'merkle root'),
  },
  {
    name: 'MuSig2: keys are points',
    file: KEYS,
    guard: '  if (!port.isPoint(key)) throw',
    gone: '  if (key.length === 0) throw',
    test: musig('context', 'not be opened'),
  },
  {
    name: 'MuSig2: the coefficient of a key is of all of them',
    file: KEYS,
    guard: "taggedHash('KeyAgg coefficient', concatBytes(listHash, key))",
    gone: "taggedHash('KeyAgg coefficient', concatBytes(key, key))",
    test: musig('bip327', 'keys'),
  },
  {
    name: 'MuSig2: tweaks are numbers below the order',
    file: KEYS,
    guard: "orMusigError('TWEAK_INVALID', 'a tweak is a number below the order of the curve', () =>",
    gone: "orMusigError('KEY_INVALID', 'a tweak is a number below the order of the curve', () =>",
    test: musig('context', 'not be tweaked'),
  },
  {
    name: 'MuSig2: a secret nonce of zero signs nothing',
    file: GEN,
    guard: '  if (!port.isSecret(first) || !port.isSecret(second))\n',
    gone: '  if (first.length + second.length < 0)\n',
    test: musig('bip327', 'should not be made'),
  },
  {
    name: 'MuSig2: the secret key is the even one',
    file: 'src/crypto/s2/musig2/keys.ts',
    guard: "  if (publicKey[0] !== 2) throw new TypeError('the secret key is not the one of even Y')\n",
    gone: '',
    test: musig('context', 'even secret'),
  },
  {
    name: 'curve: a HKDF key that was destroyed derives nothing',
    file: 'src/curve/hashes.ts',
    guard: "    if (this.#destroyed) throw new TypeError('this HKDF key was destroyed')\n",
    gone: '',
    test: unit('curve/hashes', 'once destroyed'),
  },
  {
    name: 'curve: a point that is added as it is, is one',
    file: 'src/curve/native.ts',
    guard:
      '    if (total === undefined) for (const { point, scalar } of counting) if (isOne(scalar)) checkPoint(point)\n',
    gone: '',
    test: unit('curve/backends', 'linearCombination'),
  },
]
