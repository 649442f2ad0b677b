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
import { anyKind, heldCancel, heldRequest, isHeld, KINDS, type Kind } from './frames.ts'
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
  const drawn = kinds.map((kind) => KINDS[kind](random))
  const holds = random.chance(0.5)
  const frames = holds ? [heldRequest(random), ...drawn, heldCancel] : drawn
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
    wrong.push(...unmatched(frames, answers.all, holds).map((what) => `${what}; the stream is ${status}`))
  stream.abort(new Error('over'))
  const outcomes = answers.all.map(outcomeOf)
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

/** About as many turns of the loop does a session take to send: a machine at its limits would else make a dripping peer of us. */
const TURNS = 100

async function send(random: Random, stream: Stream, bytes: Uint8Array): Promise<void> {
  // Byte by byte, all at once, and anything between.
  const most = pick(random, [1, 7, 60, 1_000, 100_000])
  const chunks = bytes.length / ((1 + most) / 2)
  let at = 0
  while (at < bytes.length && stream.status === 'open') {
    const size = 1 + below(random, most)
    stream.send(bytes.subarray(at, at + size))
    at += size
    // Some of it arrives while the server is at work.
    if (random.chance(Math.min(0.1, TURNS / chunks))) await new Promise((resolve) => setImmediate(resolve))
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

/** Requests with no answer or with two, or with another one than they must have, of a stream that was read to its end. */
function unmatched(frames: readonly Uint8Array[], answers: readonly ServerFrame[], holds: boolean): string[] {
  const wrong: string[] = []
  const asked = Map.groupBy(
    frames.map(decodeAnyClientFrame).filter((f) => f.kind !== 'cancel'),
    (f) => f.id,
  )
  const answered = Map.groupBy(
    answers.filter((a) => a.kind !== 'malformed'),
    (a) => a.id,
  )
  const count = (lists: ReadonlyMap<number, readonly unknown[]>): number =>
    [...lists.values()].reduce((sum, list) => sum + list.length, 0)
  if (count(asked) !== count(answered))
    wrong.push(`${count(answered)} answers to ${count(asked)} frames that ask for one`)
  // Whatever has no id of its own: unreadable ones, and those with the id of the request that is open all along.
  let nameless = asked.get(0)?.length ?? 0
  for (const [id, of] of asked) {
    if (id === 0) continue
    const got = answered.get(id) ?? []
    const told = `${got.map(outcomeOf).join(' ')} to ${of.length} requests with id ${id}`
    if (holds && isHeld(id)) {
      nameless += of.length - 1
      if (got.length !== 1 || outcomeOf(got[0]) !== 'CANCELLED') wrong.push(`${told}, the first of them held`)
    } else if (got.length < 1 || got.length > of.length) wrong.push(told)
    // An id in use is refused under id 0, so only the first of its requests is sure of an answer by its name.
    else if (of.length === 1 && of[0]?.kind === 'malformed' && outcomeOf(got[0]) !== 'BAD_REQUEST')
      wrong.push(`${told}, a malformed one`)
  }
  const refused = answered.get(0) ?? []
  if (refused.length < nameless) wrong.push(`${refused.length} answers with id 0 to ${nameless} frames`)
  if (refused.some((a) => outcomeOf(a) !== 'BAD_REQUEST')) wrong.push(`${refused.map(outcomeOf).join(' ')} with id 0`)
  return wrong
}

const outcomeOf = (answer: ServerFrame | undefined): string =>
  answer?.kind === 'error' ? answer.error.code : (answer?.kind ?? 'nothing')
