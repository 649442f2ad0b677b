import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey, peerIdFromPublicKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import { accept, CodedError, equalBytes, LIMITS, type Outcome, type PeerIdStr, refuse } from '../../base/index.ts'
import { type KeyPair, keyOfPeerId } from '../../curve/index.ts'
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
    decode,
  }
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
