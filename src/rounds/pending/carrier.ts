import { create } from '@bufbuild/protobuf'
import { encodeFields, type PublicKey } from '../../base/index.ts'
import { type KeyPair, parsePublicKey, publicKeyBytes, verifyTagged } from '../../curve/index.ts'
import { type Topic, topicName } from '../../p2p/index.ts'
import { type Codec, codec, sized } from '../canonical.ts'
import { CarrierSchema } from '../pb/rotation_pb.ts'
import type { PendingSpec } from './types.ts'

const TAG = 'countersign/carrier'

interface Statement {
  readonly carrier: PublicKey
  readonly signature: Uint8Array
}

const CARRIER: Codec<Statement> = codec(
  CarrierSchema,
  (s) => create(CarrierSchema, { carrier: publicKeyBytes(s.carrier), signature: s.signature }),
  (m) => ({ carrier: parsePublicKey(m.carrier), signature: sized('signature', m.signature, 64) }),
)

/** The topic names network and pending id, so a statement says nothing about any other pending set. */
const signedBytes = (topic: Topic, carrier: PublicKey, carried: PublicKey): Uint8Array =>
  encodeFields(topicName(topic), carrier, carried)

/** The carrier's half of the statement of R7; the envelope that `carried` signs around it is the other half. */
export const encodeCarrier = (topic: Topic, carrier: Pick<KeyPair, 'publicKey' | 'sign'>, carried: PublicKey) =>
  CARRIER.encode({
    carrier: carrier.publicKey,
    signature: carrier.sign(TAG, signedBytes(topic, carrier.publicKey, carried)),
  })

/**
 * R7: may `next` stand in for `current` in this pending set? Only one that comes for one that goes: a key that stays keeps
 * its own link, and would hold two shares.
 */
export const isSuccession = (spec: PendingSpec, current: PublicKey, next: PublicKey): boolean =>
  spec.currentKeys.includes(current) &&
  !spec.keys.includes(current) &&
  spec.keys.includes(next) &&
  !spec.currentKeys.includes(next)

/** Who carries `carried` by both their word; undefined for anything else. Never throws. */
export function openCarrier(
  payload: Uint8Array,
  topic: Topic,
  spec: PendingSpec,
  carried: PublicKey,
): PublicKey | undefined {
  try {
    const { carrier, signature } = CARRIER.decode(payload)
    if (!isSuccession(spec, carrier, carried)) return undefined
    const isSigned = verifyTagged(TAG, signedBytes(topic, carrier, carried), signature, publicKeyBytes(carrier))
    return isSigned ? carrier : undefined
  } catch {
    return undefined
  }
}
