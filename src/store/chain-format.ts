import { encodeFields, fromHex, isHex, type PublicKey, toHex } from '../base/index.ts'
import { parsePublicKey, publicKeyBytes, taggedHash, verifyTagged } from '../curve/index.ts'

/** One record of a hash-chained journal, as it stands in its file. */
export interface ChainRecord {
  /** From 0; the first record names the chain. */
  readonly seq: number
  /** Who wrote it. */
  readonly by: PublicKey
  /** JSON, byte for byte as it was written. */
  readonly payload: string
  /** 64 hex digits: over the chain's name, seq, the hash before, writer and payload. */
  readonly hash: string
}

/** The chain of provable faults (docs/ROUNDS.md). */
export const EVIDENCE_CHAIN = 'evidence'
/** What the hash of a first record follows. */
export const NO_HASH = '00'.repeat(32)
export const CHAIN_SIGNATURE_TAG = 'countersign/journal-record'

const HASH_TAG = 'countersign/journal'
const LINE =
  /^\{"seq":(0|[1-9]\d{0,14}),"prev":"([0-9a-f]{64})","by":"([0-9a-f]{66})","hash":"([0-9a-f]{64})","signature":"([0-9a-f]{128})","payload":(.*)\}$/su

export const hashOf = (chain: string, prev: string, r: Pick<ChainRecord, 'seq' | 'by' | 'payload'>): string =>
  toHex(taggedHash(HASH_TAG, encodeFields(chain, r.seq, fromHex(prev), publicKeyBytes(r.by), r.payload)))

/** One line of JSON whose fields stand in one order, so that a record has one spelling. */
export const lineOf = (r: ChainRecord, prev: string, signature: Uint8Array): string =>
  `{"seq":${r.seq},"prev":"${prev}","by":"${r.by}","hash":"${r.hash}","signature":"${toHex(signature)}","payload":${r.payload}}`

/** What the first record of a chain says. */
export const headOf = (chain: string): string => JSON.stringify({ chain })

/** What is wrong with a line as the next one of its chain, as a few words; or the record. Never throws. */
export function readLine(chain: string, line: string, seq: number, prev: string): ChainRecord | string {
  const [, seqText, prevText, by, hash, signature, payload] = LINE.exec(line) ?? []
  if (seqText === undefined || by === undefined || hash === undefined || signature === undefined) return 'is no record'
  if (payload === undefined || !isJson(payload)) return 'holds no JSON'
  if (Number(seqText) !== seq) return `says that it is record ${seqText}`
  if (prevText !== prev) return 'does not follow the record before it'
  const record = { seq, by: by as PublicKey, payload, hash }
  if (hashOf(chain, prev, record) !== hash) return 'was changed: its hash is of something else'
  if (seq === 0 && payload !== headOf(chain)) return 'begins another chain'
  return isSigned(record, signature) ? record : 'is not signed by its writer'
}

function isSigned({ by, hash }: ChainRecord, signature: string): boolean {
  if (!isHex(signature, 64)) return false
  try {
    const key = publicKeyBytes(parsePublicKey(by))
    return verifyTagged(CHAIN_SIGNATURE_TAG, fromHex(hash), fromHex(signature), key)
  } catch {
    return false
  }
}

/** On one line: JSON itself may be spread over several. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return !/[\n\r\0]/.test(text)
  } catch {
    return false
  }
}
