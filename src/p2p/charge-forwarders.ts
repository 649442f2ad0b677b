import type { PeerId } from '@libp2p/interface'
import type { PeerIdStr } from '../base/index.ts'

/** A frame of gossipsub as far as this room looks into it. */
interface Frame {
  messages: { readonly topic?: string }[]
}
/** The library's own step between decoding a frame and keeping anything of it. */
interface FrameHandler {
  handleReceivedRpc: (from: PeerId, frame: Frame) => Promise<void>
}

/** May this message of the forwarder go on, after so many others of its frame? */
type Takes = (forwarder: PeerIdStr, topic: string, takenOfFrame: number) => boolean

/**
 * R13: who forwards pays for every message, copies included, before the library keeps its id: an id is kept for a while
 * whatever becomes of the message, so a flood would fill memory below every check of ours (incident 7). The library has no
 * hook that knows the forwarder and comes before its cache, so this stands in its own way to it. Messages that are not paid
 * for are taken out of the frame; subscriptions and control go on, because they are said once.
 * Throws if the library has changed, because incident 7 could not be held then.
 */
export function chargeForwarders(router: object, takes: Takes, tooMany: (forwarder: PeerIdStr) => void): void {
  if (!handlesFrames(router))
    throw new TypeError('gossipsub no longer has the step that R13 needs; pin the known version')
  const handle = router.handleReceivedRpc.bind(router)
  router.handleReceivedRpc = (from, frame) => {
    const peer = from.toString() as PeerIdStr
    const taken: Frame['messages'] = []
    for (const message of frame.messages) if (takes(peer, message.topic ?? '', taken.length)) taken.push(message)
    if (taken.length < frame.messages.length) tooMany(peer)
    frame.messages = taken
    return handle(from, frame)
  }
}

const handlesFrames = (router: object): router is FrameHandler =>
  'handleReceivedRpc' in router && typeof router.handleReceivedRpc === 'function'
