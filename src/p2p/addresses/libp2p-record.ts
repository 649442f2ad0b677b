import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey, peerIdFromPublicKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import {
  accept,
  CodedError,
  equalBytes,
  LIMITS,
  type Outcome,
  type PeerIdStr,
  type PublicKey,
  refuse,
  toHex,
} from '../../base/index.ts'
import { type KeyPair, keyOfPeerId, peerIdOfKey } from '../../curve/index.ts'
import { usableAddresses } from '../address-book.ts'
import type { RecordCodec, UncheckedRecord } from './record.ts'

/** Signed peer records as every libp2p peer makes them (RFC 0002, RFC 0003). */
export function libp2pRecordCodec(key: KeyPair): RecordCodec {
  return {
    async seal(seq, all) {
      // libp2p keeps these very bytes as its key, so they can't be zeroed.
      const privateKey = privateKeyFromRaw(key.exposeSecret())
      const peerId = peerIdFromPrivateKey(privateKey)
      const addresses = [...usableAddresses(all)]
      for (;;) {
        const record = new PeerRecord({
          peerId,
          multiaddrs: addresses.map((a) => multiaddr(a)),
          seqNumber: BigInt(seq),
        })
        const wire = (await RecordEnvelope.seal(record, privateKey)).marshal()
        if (wire.length <= LIMITS.maxRecordBytes) return { peer: key.peerId, seq, addresses, wire }
        // What no receiver would take is of no use: the last addresses are the least preferred.
        if (addresses.pop() === undefined)
          throw new CodedError('RECORD_TOO_LARGE', 'a peer record without addresses exceeds its cap')
      }
    },
    peek,
    decode,
  }
}

/** Of RFC 0002's envelope and RFC 0003's peer record, by number of the field. */
const ENVELOPE_PAYLOAD = 3
const RECORD_PEER_ID = 1
const RECORD_SEQ = 2
/** What a PeerID of a secp256k1 key begins with, before the 33 bytes of the key. */
const PEER_ID_HEAD = Uint8Array.of(0x00, 0x25, 0x08, 0x02, 0x12, 0x21)

/** To decode a record costs milliseconds, most of them for points of the curve; this costs microseconds. Never throws. */
function peek(wire: Uint8Array): Outcome<Pick<UncheckedRecord, 'peer' | 'seq'>, 'malformed' | 'oversized'> {
  if (wire.length > LIMITS.maxRecordBytes) return refuse('oversized')
  try {
    const payload = lastField(wire, ENVELOPE_PAYLOAD, WireType.LengthDelimited)?.bytes()
    if (payload === undefined) return refuse('malformed')
    const id = lastField(payload, RECORD_PEER_ID, WireType.LengthDelimited)?.bytes()
    const seq = Number(lastField(payload, RECORD_SEQ, WireType.Varint)?.uint64() ?? 0)
    const isOfKey =
      id?.length === PEER_ID_HEAD.length + 33 && equalBytes(id.subarray(0, PEER_ID_HEAD.length), PEER_ID_HEAD)
    if (!isOfKey || !Number.isSafeInteger(seq)) return refuse('malformed')
    // Not known to be a point: a PeerID that no member has is foreign all the same.
    return accept({ peer: peerIdOfKey(toHex(id.subarray(PEER_ID_HEAD.length)) as PublicKey), seq })
  } catch {
    return refuse('malformed')
  }
}

/** A reader that stands at the last value of a field, as protobuf takes it; undefined if there is none. Throws on a bad shape. */
function lastField(message: Uint8Array, wanted: number, type: WireType): BinaryReader | undefined {
  const reader = new BinaryReader(message)
  let at: number | undefined
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (field === wanted && wireType === type) at = reader.pos
    reader.skip(wireType, field)
  }
  return at === undefined ? undefined : new BinaryReader(message.subarray(at))
}

/** Bounds first, shape second; the key must be the one of the PeerID that the record names. Never throws. */
function decode(wire: Uint8Array): Outcome<UncheckedRecord, 'malformed' | 'oversized'> {
  if (wire.length > LIMITS.maxRecordBytes) return refuse('oversized')
  try {
    // A copy: the wire may be a view into a large frame.
    const own = wire.slice()
    const envelope = RecordEnvelope.createFromProtobuf(own)
    if (!equalBytes(envelope.payloadType, PeerRecord.CODEC)) return refuse('malformed')
    const { peerId, seqNumber, multiaddrs } = PeerRecord.createFromProtobuf(envelope.payload)
    if (multiaddrs.length > LIMITS.maxRecordAddresses) return refuse('oversized')
    const peer = peerId.toString()
    const seq = Number(seqNumber)
    const isOfKey = peerIdFromPublicKey(envelope.publicKey).equals(peerId) && keyOfPeerId(peer) !== undefined
    if (!isOfKey || !Number.isSafeInteger(seq)) return refuse('malformed')
    const addresses = usableAddresses(multiaddrs.map(String))
    const verify = async (): Promise<boolean> => {
      try {
        return await envelope.validate(PeerRecord.DOMAIN)
      } catch {
        return false
      }
    }
    return accept({ peer: peer as PeerIdStr, seq, addresses, wire: own, verify })
  } catch {
    return refuse('malformed')
  }
}
