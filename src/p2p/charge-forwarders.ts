import { setImmediate as everythingElse } from 'node:timers/promises'
import type { PeerId } from '@libp2p/interface'
import type { PeerIdStr } from '../base/index.ts'

/** A frame of gossipsub as far as this room looks into it. */
interface Frame {
  messages: { readonly topic?: string }[]
  readonly subscriptions?: readonly unknown[]
  readonly control?: Readonly<Record<string, readonly { readonly messageIDs?: readonly unknown[] }[]>>
}
/** The library's own steps before decoding a frame, and between that and keeping anything of it. */
interface FrameHandler {
  pipePeerReadStream: (from: PeerId, frames: AsyncIterable<unknown>) => Promise<void>
  handleReceivedRpc: (from: PeerId, frame: Frame) => Promise<void>
}

/** An id costs a look into a table; a frame, a message or anything else in it some twenty microseconds. */
const IDS_PER_ENTRY = 8
/** What nobody can read may be full of the smallest that there is; honest nodes send none. */
const UNREADABLE_ENTRIES = 512

const entriesOf = ({ messages, subscriptions = [], control = {} }: Frame): number => {
  const said = Object.values(control).flat()
  const ids = said.reduce((sum, { messageIDs = [] }) => sum + messageIDs.length, 0)
  return messages.length + subscriptions.length + said.length + Math.floor(ids / IDS_PER_ENTRY)
}

export interface Toll {
  /** May this message of the forwarder go on, after so many others of its frame? */
  takes(forwarder: PeerIdStr, topic: string, takenOfFrame: number): boolean
  /** Some of a frame's messages may not. */
  tooMany(forwarder: PeerIdStr): void
  /** Resolves when another frame of the forwarder may be decoded. */
  nextFrame(forwarder: PeerIdStr): Promise<void>
  /** So much was in one. */
  spend(forwarder: PeerIdStr, entries: number): void
}

/**
 * R13: who forwards pays for every message, copies included, before the library keeps its id: an id is kept for a while
 * whatever becomes of the message, so a flood would fill memory below every check of ours (incident 7). Messages that are not
 * paid for are taken out of the frame; subscriptions and control go on, because they are said once. They and the frames
 * themselves are paid for in time: the library would decode all that it has read in one turn of the loop, so each frame has a
 * turn of its own, and waits for one until those before it are earned.
 *
 * The library has no hook that knows the forwarder and comes before its cache, so this stands in its own way to it.
 * Throws if the library has changed, because incident 7 could not be held then.
 */
export function chargeForwarders(router: object, toll: Toll): void {
  if (!handlesFrames(router))
    throw new TypeError('gossipsub no longer has the steps that R13 needs; pin the known version')
  /** Forwarders whose latest frame was not handled: what can't be decoded ends before that. */
  const unread = new Set<PeerIdStr>()
  const handle = router.handleReceivedRpc.bind(router)
  router.handleReceivedRpc = (from, frame) => {
    const peer = from.toString() as PeerIdStr
    unread.delete(peer)
    toll.spend(peer, entriesOf(frame))
    const taken: Frame['messages'] = []
    for (const message of frame.messages) if (toll.takes(peer, message.topic ?? '', taken.length)) taken.push(message)
    if (taken.length < frame.messages.length) toll.tooMany(peer)
    frame.messages = taken
    return handle(from, frame)
  }
  const readStream = router.pipePeerReadStream.bind(router)
  router.pipePeerReadStream = (from, frames) => {
    const peer = from.toString() as PeerIdStr
    return readStream(from, oneByOne(peer, frames))
  }
  async function* oneByOne(peer: PeerIdStr, frames: AsyncIterable<unknown>): AsyncGenerator<unknown> {
    for await (const frame of frames) {
      await toll.nextFrame(peer)
      unread.add(peer)
      yield frame
      if (unread.delete(peer)) toll.spend(peer, UNREADABLE_ENTRIES)
      // What the frame brought now waits where it is counted.
      await everythingElse()
    }
  }
}

const STEPS = ['pipePeerReadStream', 'handleReceivedRpc'] as const
const handlesFrames = (router: object): router is FrameHandler =>
  STEPS.every((step) => step in router && typeof Reflect.get(router, step) === 'function')
