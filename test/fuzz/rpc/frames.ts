import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { concatBytes, utf8 } from '../../../src/base/index.ts'
import {
  encodeCancel,
  encodeError,
  encodeRequest,
  encodeResult,
  METHOD_NAMES,
  METHODS,
} from '../../../src/rpc/index.ts'
import type { Random } from '../../simulator/random.ts'
import { SERVICE_GOLDEN } from '../../unit/rpc/golden-services.ts'
import { signParams } from '../../unit/rpc/server-harness.ts'
import { aggNonceOf, messageOf, OWN_KEY, others } from '../../unit/signer/s2/service-fixtures.ts'
import { below, bytesOf, pick } from './draw.ts'
import { spoiled, varint } from './fields.ts'
import { anyMessage } from './values.ts'

/** Params whose bytes other tests hold still, by message; and some that a service answers. */
const GOLDEN = new Map<DescMessage, Uint8Array[]>([[METHODS['threshold.sign'].request.desc, [signParams()]]])
const golden = <D extends DescMessage>(desc: D, init: MessageInitShape<D>) =>
  GOLDEN.set(desc, [...(GOLDEN.get(desc) ?? []), toBinary(desc, create(desc, init))])
for (const { desc, init } of SERVICE_GOLDEN) golden(desc, init)
for (let n = 0; n < 8; n++) {
  const orderedPubkeys = [OWN_KEY, ...others(1 + n)]
  const tweak = { kind: { case: 'key' as const, value: {} } }
  const asked = { orderedPubkeys, tweak, sighash: messageOf(n) }
  golden(METHODS['musig2.get_pub_nonce'].request.desc, asked)
  golden(METHODS['musig2.get_our_partial_sig'].request.desc, { ...asked, aggnonce: aggNonceOf(n) })
}

/** Few, so that they meet; most requests have one of their own. */
const IDS = [1, 2, 3, 4, 5, 6, 7, 8, 0x7fff_ffff, 0xffff_ffff]
const TIMEOUTS_MS = [0, 0, 0, 1, 2, 20, 0xffff_ffff]
const NO_METHODS = [
  '',
  'threshold',
  'threshold.export',
  'hello ',
  'HELLO',
  '__proto__',
  'constructor',
  'ü',
  'x'.repeat(300),
]

const anyId = (random: Random): number => (random.chance(0.7) ? 100 + below(random, 1_000_000) : pick(random, IDS))

function params(random: Random): { readonly method: string; readonly bytes: Uint8Array } {
  const method = pick(random, METHOD_NAMES)
  const desc: DescMessage = METHODS[method].request.desc
  const golden = GOLDEN.get(desc)
  if (golden !== undefined && random.chance(0.5)) return { method, bytes: pick(random, golden) }
  return { method, bytes: toBinary(desc, anyMessage(random, desc)) }
}

function request(random: Random): Uint8Array {
  const { method, bytes } = params(random)
  return encodeRequest(anyId(random), method, bytes, pick(random, TIMEOUTS_MS))
}

/** Where the id or the wait stands as a varint of any size. */
function withVarint(random: Random): Uint8Array {
  const n = pick(random, [0n, 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n])
  const tag = pick(random, [0x08, 0x20])
  const inner = concatBytes(
    ...[
      Uint8Array.of(tag),
      varint(n),
      Uint8Array.of(0x12, 5),
      utf8('hello'),
      Uint8Array.of(0x08, 1 + below(random, 8)),
    ],
  )
  return concatBytes(Uint8Array.of(0x0a), varint(BigInt(inner.length)), inner)
}

function flipped(random: Random, frame: Uint8Array): Uint8Array {
  const out = frame.slice()
  for (let flips = 1 + below(random, 6); flips > 0 && out.length > 0; flips--) {
    const at = below(random, out.length)
    out[at] = (out[at] ?? 0) ^ (1 << below(random, 8))
  }
  return out
}

/** Of the request that a session may begin with, which stays open until it is cancelled; nothing else is likely to meet it. */
const HELD_ID = 0x2bad_cafe
/** How its digest begins: its handler waits until nobody wants it any more. */
export const HELD_DIGEST = [0x03, 0x4e, 0x1d] as const
export const isHeld = (id: number): boolean => id === HELD_ID
export function heldRequest(random: Random): Uint8Array {
  const digest = bytesOf(random, 32)
  digest.set(HELD_DIGEST)
  return encodeRequest(HELD_ID, 'threshold.sign', signParams(`h${below(random, 2 ** 31)}`, digest), 0xffff_ffff)
}
export const heldCancel = encodeCancel(HELD_ID)

/** What a client sends by a frame, each as a peer may get it wrong; by name, so that a campaign can tell what it played. */
export const KINDS = {
  good: request,
  /** Work that is met by what comes after it: cancels, its own deadline, its own id again. */
  slow: (random) => {
    const bytes = signParams(`r${below(random, 1_000_000)}`, bytesOf(random, 32))
    return encodeRequest(pick(random, IDS), 'threshold.sign', bytes, pick(random, TIMEOUTS_MS))
  },
  truncated: (random) => {
    const frame = request(random)
    return frame.slice(0, below(random, frame.length))
  },
  longer: (random) => concatBytes(request(random), bytesOf(random, 1 + below(random, 40))),
  flipped: (random) => flipped(random, request(random)),
  spoiled: (random) => spoiled(random, request(random)),
  random: (random) => bytesOf(random, below(random, 60)),
  empty: () => new Uint8Array(0),
  'params beyond the cap': (random) => {
    const method = pick(random, METHOD_NAMES)
    const bytes = new Uint8Array(METHODS[method].maxRequestBytes + 1)
    return encodeRequest(anyId(random), method, bytes, 0)
  },
  'unknown method': (random) => encodeRequest(anyId(random), pick(random, NO_METHODS), params(random).bytes, 0),
  "another method's params": (random) =>
    encodeRequest(anyId(random), pick(random, METHOD_NAMES), params(random).bytes, 0),
  'id in use': (random) => {
    const { method, bytes } = params(random)
    const frame = encodeRequest(HELD_ID, method, bytes, pick(random, TIMEOUTS_MS))
    return random.chance(0.3) ? concatBytes(frame, Uint8Array.of(0x78, 0x01)) : frame
  },
  'id 0': (random) => encodeRequest(0, 'hello', new Uint8Array(0), pick(random, TIMEOUTS_MS)),
  varint: withVarint,
  cancel: (random) => encodeCancel(pick(random, [...IDS, 0, 99])),
  'spoiled cancel': (random) => spoiled(random, encodeCancel(pick(random, IDS))),
  response: (random) =>
    random.chance(0.5)
      ? encodeResult(pick(random, IDS), bytesOf(random, 8))
      : encodeError(pick(random, IDS), 'INTERNAL'),
} as const satisfies Readonly<Record<string, (random: Random) => Uint8Array>>

export type Kind = keyof typeof KINDS
const NAMES = Object.keys(KINDS).filter((name): name is Kind => Object.hasOwn(KINDS, name))
/** The usual requests often: what is wrong has to meet work under way. */
export const anyKind = (random: Random): Kind =>
  random.chance(0.3) ? 'good' : random.chance(0.2) ? pick(random, ['slow', 'cancel']) : pick(random, NAMES)
