import type { Guard } from './guards.ts'

const crypto = (file: string, name?: string): Guard['test'] => ({
  project: 'unit',
  file: `test/unit/crypto/${file}.test.ts`,
  ...(name === undefined ? {} : { name }),
})
const SESSION = 'src/crypto/signing/frost-session.ts'
const DEALER = 'src/crypto/keygen/dealer.ts'

const WOTS = 'src/crypto/s2/wots.ts'

/** FROST sessions, the maths of keygen, one-time signatures. */
export const FROST_GUARDS: readonly Guard[] = [
  {
    name: 'FROST: a commitment that is no point names its author',
    file: SESSION,
    guard: "    if (error instanceof TypeError) return 'malformed'\n",
    gone: '',
    test: crypto('signing-session', 'no points'),
  },
  {
    name: 'FROST: a stranger in the package opens no session',
    file: SESSION,
    guard:
      "    if (sorted.some((c) => key.verifyingShareOf(c.name) === undefined)) return fault({ code: 'not_members' })\n",
    gone: '',
    test: crypto('signing-session', 'no member'),
  },
  {
    name: 'FROST: fewer than the threshold open no session',
    file: SESSION,
    guard: "    if (sorted.length < key.threshold) return fault({ code: 'too_few' })\n",
    gone: '',
    test: crypto('signing-session', 'threshold'),
  },
  {
    name: 'FROST: commitments that cancel out are a fault, no exception',
    file: SESSION,
    guard: "    if (R === undefined) return fault({ code: 'identity' })\n",
    gone: "    if (R === undefined) throw new Error('identity')\n",
    test: crypto('signing-session', 'infinity'),
  },
  {
    name: 'R25: a package without our own commitment leaves the pair unspent',
    file: SESSION,
    guard: 'signer === undefined || !sameCommitment(signer, nonces.commitment)',
    gone: 'signer === undefined || !sameCommitment(signer, signer)',
    test: crypto('signing-session', 'R25'),
  },
  {
    name: 'FROST: shares of somebody outside the session blame nobody',
    file: SESSION,
    guard: '    if ([...shares.keys()].some((member) => !this.has(member))) return { ok: false, cheaters: [] }\n',
    gone: '',
    test: crypto('signing-session', 'outside it'),
  },
  {
    name: 'FROST: the sum is verified before a signature is shown',
    file: SESSION,
    guard: 'if (this.#port.schnorrVerify(signature, this.#message, this.#key.xOnly)) return',
    gone: 'if (signature.length === 64) return',
    test: crypto('signing-session', 'aggregates'),
  },
  {
    name: 'R20: a share of another epoch of the same key is not used',
    file: 'src/crypto/signing/signing-session.ts',
    guard: '!ours || !theirs || !equalBytes(ours, theirs)',
    gone: '!ours || !theirs || !equalBytes(ours, ours)',
    test: crypto('signing-session', 'R20'),
  },
  {
    name: 'R25: nonces that are not those of their commitment make no share',
    file: 'src/crypto/signing/signature-share.ts',
    guard: '!equalBytes(D, commitment.hiding) || !equalBytes(E, commitment.binding)',
    gone: '!equalBytes(D, D) || !equalBytes(E, E)',
    test: crypto('signing-session', 'R25'),
  },
  {
    name: 'R25: nonces and what is made of them are zeroed',
    file: 'src/crypto/signing/signature-share.ts',
    guard: '    zeroize(...secrets)\n',
    gone: '    zeroize()\n',
    test: crypto('signing-session'),
  },
  {
    name: 'R25: nonces are hedged with the signing share',
    file: 'src/crypto/signing/nonces.ts',
    guard: 'concatBytes(rng(32), signingShare)',
    gone: 'concatBytes(rng(32), new Uint8Array(signingShare.length))',
    test: crypto('signing', 'R25'),
  },
  {
    name: 'FROST: a scalar has one spelling',
    file: 'src/crypto/public-scalars.ts',
    guard: '  return n < Fn.ORDER ? n : undefined\n',
    gone: '  return Fn.create(n)\n',
    test: crypto('scalars', 'below the order'),
  },
  {
    name: 'keygen: no scalar of zeros is drawn',
    file: 'src/crypto/keygen/polynomial.ts',
    guard: 'if (port.isSecret(scalar)) return scalar',
    gone: 'if (scalar.length === 32) return scalar',
    test: crypto('scalars', 'never be zero'),
  },
  {
    name: 'R2: the output of keygen is tweaked with the empty root',
    file: 'src/crypto/keygen/combine.ts',
    guard: "const EMPTY_ROOT: Tweak = { kind: 'key', merkleRoot: null }",
    gone: "const EMPTY_ROOT: Tweak = { kind: 'none' }",
    test: crypto('keygen-taproot', 'R2'),
  },
  {
    name: 'keygen: a dealing that copies a constant term has no proof',
    file: 'src/crypto/keygen/dealing.ts',
    guard: 'return found !== undefined && equalBytes(found, R)',
    gone: 'return found !== undefined && R.length === 33',
    test: crypto('keygen', 'a dealing at fault'),
  },
  {
    name: 'keygen: the sum of the shares is what the dealings promise',
    file: 'src/crypto/keygen/combine.ts',
    guard: 'port.isSecret(signingShare) && equalBytes(port.publicKeyOf(signingShare), own)',
    gone: 'port.isSecret(signingShare) && equalBytes(own, own)',
    test: crypto('keygen', 'a share at fault'),
  },
  {
    name: 'keygen: dealings that cancel out make no key of a lower threshold',
    file: 'src/crypto/keygen/combine.ts',
    guard: 'sums: finite.length === threshold ? finite : undefined',
    gone: 'sums: finite',
    test: crypto('keygen', 'cancel out'),
  },
  {
    name: 'keygen: only dealings that were checked are combined',
    file: DEALER,
    guard: 'this.#checked === undefined || !sameDealings(this.#checked.dealings, others)',
    gone: 'this.#checked === undefined || !sameDealings(others, others)',
    test: crypto('keygen', 'another attempt'),
  },
  {
    name: 'keygen: dealings are those of all others, and not our own',
    file: DEALER,
    guard: '!joint.wellFormed || others.size !== this.#size - 1 || others.has(this.identifier)',
    gone: '!joint.wellFormed',
    test: crypto('keygen', 'another attempt'),
  },
  {
    name: 'R19: a polynomial is gone once destroyed',
    file: DEALER,
    guard: '    if (this.#destroyed)\n',
    gone: '    if (this.#destroyed && this.#size === 0)\n',
    test: crypto('keygen', 'destroyed'),
  },
  {
    name: 'WOTS: a signature says its digits',
    file: WOTS,
    guard: 'return signed[ELEMENT] === digit && equalBytes(',
    gone: 'return equalBytes(',
    test: crypto('s2/vectors', 'any byte'),
  },
  {
    name: 'WOTS: every chain must end where the key does',
    file: WOTS,
    guard: '&& equalBytes(end, publicKey.subarray(i * ELEMENT, (i + 1) * ELEMENT))',
    gone: '&& end.length > 0',
    test: crypto('s2/vectors', 'another message'),
  },
  {
    name: 'WOTS: no digit is raised without another one falling',
    file: WOTS,
    guard: 'return [...digits, ...places.map((place) => (checksum >> place) & 15)]',
    gone: 'return [...digits, ...places.map(() => 0)]',
    test: crypto('s2/vectors', 'digits be raised'),
  },
  {
    name: 'WOTS: a message is as long as its key signs',
    file: WOTS,
    guard: 'if (digits.length !== chains.length)',
    gone: 'if (digits.length > chains.length)',
    test: crypto('s2/vectors', 'should not be made for'),
  },
  {
    name: 'secret service: keys that sign by BIP340 are even',
    file: 'src/crypto/s2/keys.ts',
    guard: 'if (curve.publicKeyOf(secret)[0] === 2) return secret',
    gone: 'if (secret.length > 0) return secret',
    test: crypto('s2/vectors', 'derived as others do'),
  },
]
