import { create } from '@bufbuild/protobuf'
import { asSetHash, fromHex, LIMITS, type PublicKey, toHex } from '../../base/index.ts'
import { parsePublicKey, publicKeyBytes, taggedHash } from '../../curve/index.ts'
import { type Codec, codec, sized } from '../canonical.ts'
import * as pb from '../pb/evidence_pb.ts'
import { type EvidenceRecord, type EvidenceScope, isEvidenceCode } from './types.ts'

/** Goes into one gossip message with its envelope. */
export const MAX_EVIDENCE_BYTES = LIMITS.maxGossipBytes - 1024
/** A trial share beside the confirms of all. */
const MAX_WIRES = LIMITS.maxSigners + 1
const MAX_NAME_CHARS = 128

const RECORD: Codec<EvidenceRecord> = codec(
  pb.EvidenceRecordSchema,
  (r) =>
    create(pb.EvidenceRecordSchema, {
      code: r.code,
      guilty: publicKeyBytes(r.guilty),
      network: r.network,
      contract: r.contract,
      scope: writeScope(r.scope),
      wires: [...r.wires],
      ...(r.reveal && { sharedPoint: r.reveal.point, sharedPointProof: r.reveal.proof }),
      commitments: [...(r.commitments ?? [])],
      ...(r.confirm && { confirm: r.confirm }),
    }),
  (m) => {
    if (!isEvidenceCode(m.code)) throw new TypeError('code: not one of the closed list')
    if (m.network.length > MAX_NAME_CHARS || m.contract.length > MAX_NAME_CHARS) throw new TypeError('name: too long')
    if (m.wires.length > MAX_WIRES) throw new TypeError('wires: too many')
    if (m.commitments.length > LIMITS.maxSigners) throw new TypeError('commitments: too many')
    return {
      code: m.code,
      guilty: parsePublicKey(m.guilty),
      network: m.network,
      contract: m.contract,
      scope: readScope(m.scope),
      wires: m.wires,
      reveal:
        m.sharedPoint.length + m.sharedPointProof.length === 0
          ? undefined
          : {
              point: sized('shared point', m.sharedPoint, 33),
              proof: sized('its proof', m.sharedPointProof, 64),
            },
      commitments: m.commitments.length === 0 ? undefined : m.commitments.map((c) => sized('commitment', c, 33)),
      confirm: m.confirm.length === 0 ? undefined : m.confirm,
    }
  },
)

export const encodeEvidence = (record: EvidenceRecord): Uint8Array => RECORD.encode(record)

/** undefined for anything malformed, oversized or not canonical. Never throws. */
export function decodeEvidence(bytes: Uint8Array): EvidenceRecord | undefined {
  if (bytes.length > MAX_EVIDENCE_BYTES) return undefined
  try {
    return RECORD.decode(bytes)
  } catch {
    return undefined
  }
}

/** Names a record by its bytes, 64 hex digits. */
export const evidenceId = (bytes: Uint8Array): string => toHex(taggedHash('countersign/evidence', bytes))

function writeScope(s: EvidenceScope): pb.EvidenceRecord['scope'] {
  const common = { keys: s.keys.map(publicKeyBytes), threshold: s.threshold }
  return s.kind === 'pending'
    ? {
        case: 'pending',
        value: create(pb.PendingScopeSchema, {
          ...common,
          parentSetHash: fromHex(s.parentSetHash),
          attempt: s.attempt,
        }),
      }
    : { case: 'set', value: create(pb.SetScopeSchema, { ...common, aggregateKey: publicKeyBytes(s.aggregateKey) }) }
}

function readScope(scope: pb.EvidenceRecord['scope']): EvidenceScope {
  switch (scope.case) {
    case 'pending': {
      const { parentSetHash, keys, threshold, attempt } = scope.value
      return {
        kind: 'pending',
        parentSetHash: asSetHash(toHex(parentSetHash)),
        keys: readKeys(keys),
        threshold,
        attempt,
      }
    }
    case 'set': {
      const { keys, threshold, aggregateKey } = scope.value
      return { kind: 'set', keys: readKeys(keys), threshold, aggregateKey: parsePublicKey(aggregateKey) }
    }
    default:
      throw new TypeError('scope: missing')
  }
}

function readKeys(list: readonly Uint8Array[]): readonly PublicKey[] {
  if (list.length < 2 || list.length > LIMITS.maxSigners) throw new TypeError('keys: expected 2 to 128')
  const keys = list.map((k) => parsePublicKey(k))
  if (keys.some((k, i) => i > 0 && (keys[i - 1] ?? '') >= k)) throw new TypeError('keys: expected ascending')
  return keys
}
