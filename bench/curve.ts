/**
 * Each function of the curve port on both backends, in turns: `npm run bench:curve [milliseconds per function]`.
 * Prints the median of several takes in µs of CPU time, and how many times faster the fast one is.
 */
import {
  type Curve,
  GENERATOR,
  KeyPair,
  nativeCurve,
  nobleCurve,
  publicKeyBytes,
  verifyTagged,
} from '../src/curve/index.ts'
import { versionsLine } from './baseline/versions.ts'

const takeMs = Number(process.argv[2] ?? 200) / 5
const TAKES = 5
/** What an envelope's check may cost at most, in µs; the addon alone needs about 37 on an idle core. */
const ENVELOPE_TARGET_US = 60

/** µs of CPU per call, for about `takeMs` of it: what other processes take of the core does not count. */
function take(run: () => unknown): number {
  const begin = process.cpuUsage()
  let [calls, spentUs] = [0, 0]
  do {
    // The clock is a system call, so it is not asked every time.
    for (let i = 0; i < 20; i++) run()
    calls += 20
    const { user, system } = process.cpuUsage(begin)
    spentUs = user + system
  } while (spentUs < takeMs * 1000)
  return spentUs / calls
}
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN

const [a, b] = [nobleCurve.randomScalar(), nobleCurve.randomScalar()]
const [A, B] = [nobleCurve.publicKeyOf(a), nobleCurve.publicKeyOf(b)]
const digest = new Uint8Array(32).fill(7)
const aux = new Uint8Array(32)
const ecdsa = nobleCurve.ecdsaSign(digest, a)
const schnorr = nobleCurve.schnorrSign(digest, a, aux)
const points = Array.from({ length: 15 }, () => nobleCurve.publicKeyOf(nobleCurve.randomScalar()))
/** What one FROST signature share is checked with. */
const three = [
  { scalar: a, point: A },
  { scalar: b, point: B },
  { scalar: a, point: GENERATOR },
]

const OPERATIONS: readonly (readonly [string, (c: Curve) => unknown])[] = [
  ['publicKeyOf', (c) => c.publicKeyOf(a)],
  ['ecdhPoint', (c) => c.ecdhPoint(a, B)],
  ['isSecret', (c) => c.isSecret(a)],
  ['isPoint', (c) => c.isPoint(A)],
  ['addPoints', (c) => c.addPoints(A, B)],
  ['negatePoint', (c) => c.negatePoint(A)],
  ['mulPointPublic', (c) => c.mulPointPublic(A, b)],
  ['ecdsaSign', (c) => c.ecdsaSign(digest, a)],
  ['ecdsaVerify', (c) => c.ecdsaVerify(ecdsa, digest, A)],
  ['schnorrSign', (c) => c.schnorrSign(digest, a, aux)],
  ['schnorrVerify', (c) => c.schnorrVerify(schnorr, digest, A.subarray(1))],
  ['sumPoints (15)', (c) => c.sumPoints(points)],
  ['linearCombination (G, 1)', (c) => c.linearCombination(three.slice(1))],
  ['linearCombination (3)', (c) => c.linearCombination(three)],
  ['addScalars', (c) => c.addScalars(a, b)],
  ['mulScalars', (c) => c.mulScalars(a, b)],
  ['negateScalar', (c) => c.negateScalar(a)],
  ['reduce', (c) => c.reduce(digest)],
  ['randomScalar', (c) => c.randomScalar()],
]

const fast = nativeCurve()
console.log(versionsLine(['secp256k1', '@noble/curves']))
console.log(`${'CPU µs per call'.padEnd(24)}${'native'.padStart(10)}${'noble'.padStart(10)}${'ratio'.padStart(8)}`)
for (const [name, run] of OPERATIONS) {
  const times: Record<Curve['name'], number[]> = { native: [], noble: [] }
  // Warm, then in turns, so that another load of the machine meets both.
  for (const c of [fast, nobleCurve]) take(() => run(c))
  for (let i = 0; i < TAKES; i++) for (const c of [fast, nobleCurve]) times[c.name].push(take(() => run(c)))
  const [native, noble] = [median(times.native), median(times.noble)]
  console.log(
    `${name.padEnd(24)}${native.toFixed(1).padStart(10)}${noble.toFixed(1).padStart(10)}${`${(noble / native).toFixed(1)}×`.padStart(8)}`,
  )
}

const pair = KeyPair.generate()
const message = new Uint8Array(300).fill(1)
const envelope = pair.sign('countersign/envelope', message)
const key = publicKeyBytes(pair.publicKey)
const verify = () => verifyTagged('countersign/envelope', message, envelope, key)
take(verify)
const us = median(Array.from({ length: TAKES }, () => take(verify)))
console.log(
  `an envelope's signature, tagged hash of 300 bytes included: ${us.toFixed(1)} µs (target ${ENVELOPE_TARGET_US})`,
)
