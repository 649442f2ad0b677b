import type { Stream } from '@libp2p/interface'
import { concatBytes, withDeadline } from '../../../src/base/index.ts'
import { encodeFrames, FrameDecoder, lengthPrefix } from '../../../src/p2p/frame-codec.ts'
import {
  decodeServerFrame,
  encodeRequest,
  isWireErrorCode,
  RPC_FRAME_CAPS,
  type ServerFrame,
} from '../../../src/rpc/index.ts'
import { decodeAnyClientFrame } from '../../../src/rpc/wire/frame.ts'
import { type Random, seededRandom } from '../../simulator/random.ts'
import { below, bytesOf, pick } from './draw.ts'
import { anyKind, KINDS, type Kind } from './frames.ts'
import type { Site } from './site.ts'

export const FRAMES_PER_SESSION = 40
/** Every session ends by then: the slowest handler needs a few hundredths of a second. */
const SESSION_MS = 60_000

/** How a session ends on the client's side. */
const ENDS = ['finished', 'finished', 'finished', 'finished', 'misframed', 'cut off', 'reset'] as const
type End = (typeof ENDS)[number]

export interface Played {
  readonly kinds: readonly Kind[]
  readonly end: End
  /** Codes of errors, and `result`. */
  readonly outcomes: readonly string[]
  /** What must not be; empty if all is well. */
  readonly wrong: readonly string[]
}

/** One stream of a peer that gets things wrong. The same seed plays the same frames, in the same chunks. */
export async function playSession(site: Site, seed: string): Promise<Played> {
  const random = seededRandom(seed)
  const kinds = Array.from({ length: FRAMES_PER_SESSION }, () => anyKind(random))
  const frames = kinds.map((kind) => KINDS[kind](random))
  const end = pick(random, ENDS)
  const stream = await site.open()
  const answers = new Answers(stream)
  await send(random, stream, concatBytes(encodeFrames(frames), tailOf(random, end)))
  if (end === 'reset') stream.abort(new Error('the client is gone'))
  else await stream.close().catch(() => {})
  const wrong: string[] = []
  try {
    await withDeadline('the end of the stream', SESSION_MS, () => answers.ended)
  } catch (error) {
    wrong.push(String(error))
  }
  wrong.push(...answers.wrong)
  // Before our own abort.
  const { status } = stream
  if (end === 'finished')
    wrong.push(...unmatched(frames, answers.all).map((what) => `${what}; the stream is ${status}`))
  stream.abort(new Error('over'))
  const outcomes = answers.all.map((a) => (a.kind === 'error' ? a.error.code : a.kind))
  return { kinds, end, outcomes, wrong }
}

/** That the server still serves somebody else. */
export async function isServed(site: Site): Promise<boolean> {
  const stream = await site.open()
  const answers = new Answers(stream)
  stream.send(encodeFrames([encodeRequest(1, 'health', new Uint8Array(0), 5_000)]))
  await stream.close().catch(() => {})
  await withDeadline('health', SESSION_MS, () => answers.ended)
  return answers.all.length === 1 && answers.all[0]?.kind === 'result'
}

/** What comes after the last whole frame. */
function tailOf(random: Random, end: End): Uint8Array {
  if (end === 'misframed')
    return pick(random, [
      lengthPrefix(RPC_FRAME_CAPS.requestBytes + 1),
      Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x7f),
      Uint8Array.of(0x81, 0x00),
    ])
  if (end === 'cut off') return concatBytes(lengthPrefix(100), bytesOf(random, below(random, 99)))
  return new Uint8Array(0)
}

async function send(random: Random, stream: Stream, bytes: Uint8Array): Promise<void> {
  // Byte by byte, all at once, and anything between.
  const most = pick(random, [1, 7, 60, 1_000, 100_000])
  let at = 0
  while (at < bytes.length && stream.status === 'open') {
    const size = 1 + below(random, most)
    stream.send(bytes.subarray(at, at + size))
    at += size
    // Some of it arrives while the server is at work.
    if (random.chance(most === 1 ? 0.002 : 0.1)) await new Promise((resolve) => setImmediate(resolve))
  }
}

class Answers {
  readonly all: ServerFrame[] = []
  readonly wrong: string[] = []
  readonly ended: Promise<void>
  readonly #decoder = new FrameDecoder(RPC_FRAME_CAPS.answerBytes)
  constructor(stream: Stream) {
    const over = Promise.withResolvers<void>()
    this.ended = over.promise
    stream.addEventListener('message', ({ data }) => this.#onBytes(data.subarray()))
    stream.addEventListener('remoteCloseWrite', () => over.resolve())
    stream.addEventListener('close', () => over.resolve())
  }
  #onBytes(bytes: Uint8Array): void {
    try {
      this.#decoder.push(bytes, (frame) => this.#onFrame(decodeServerFrame(frame)))
    } catch (error) {
      this.wrong.push(`the server's framing: ${error}`)
    }
  }
  #onFrame(answer: ServerFrame): void {
    this.all.push(answer)
    if (answer.kind === 'malformed') this.wrong.push('the server sent what is no answer')
    else if (answer.kind === 'error' && (!isWireErrorCode(answer.error.code) || answer.error.code === 'INTERNAL'))
      this.wrong.push(`an answer of ${answer.error.code} to ${answer.id}`)
  }
}

/** Requests with no answer or with two, of a stream that was read to its end. */
function unmatched(frames: readonly Uint8Array[], answers: readonly ServerFrame[]): string[] {
  const wrong: string[] = []
  const asked = new Map<number, number>()
  for (const frame of frames.map(decodeAnyClientFrame))
    if (frame.kind !== 'cancel') asked.set(frame.id, (asked.get(frame.id) ?? 0) + 1)
  const answered = new Map<number, number>()
  for (const a of answers) if (a.kind !== 'malformed') answered.set(a.id, (answered.get(a.id) ?? 0) + 1)
  const sum = (counts: ReadonlyMap<number, number>): number => [...counts.values()].reduce((a, b) => a + b, 0)
  if (sum(asked) !== sum(answered)) wrong.push(`${sum(answered)} answers to ${sum(asked)} frames that ask for one`)
  for (const [id, count] of asked) {
    const got = answered.get(id) ?? 0
    // An id in use is refused under id 0, so only the first of its requests is sure of an answer by its name.
    if (id !== 0 && (got < 1 || got > count)) wrong.push(`${got} answers to ${count} requests with id ${id}`)
  }
  return wrong
}
