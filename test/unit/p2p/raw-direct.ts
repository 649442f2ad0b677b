import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { PeerIdStr } from '../../../src/base/index.ts'
import { Libp2pFrameStream } from '../../../src/p2p/frame-stream.ts'
import { DIRECT_PROTOCOL } from '../../../src/p2p/index.ts'
import { DirectAckSchema, DirectMessageSchema } from '../../../src/p2p/pb/direct_pb.ts'
import { libp2pPeerId } from './hosts.ts'
import type { RawNode } from './raw-node.ts'

/** Sends bytes of the caller's choice over `/countersign/direct/1`, and resolves with the acknowledged status. */
export async function rawDirect(raw: RawNode, to: PeerIdStr, topic: string, envelope: Uint8Array): Promise<number> {
  const stream = await raw.libp2p.dialProtocol(libp2pPeerId(to), DIRECT_PROTOCOL)
  const frames = new Libp2pFrameStream(stream, to, 32 * 1024)
  await frames.write(toBinary(DirectMessageSchema, create(DirectMessageSchema, { topic, envelope })))
  const answer = await frames.read()
  frames.abort(new Error('answered'))
  return fromBinary(DirectAckSchema, answer ?? new Uint8Array()).status
}
