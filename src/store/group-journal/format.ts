import { encodeFields, fromHex, isHex, type PublicKey, toHex } from '../../base/index.ts'
import { parsePublicKey, publicKeyBytes, taggedHash, verifyTagged } from '../../curve/index.ts'
import { isJson, NO_HASH } from '../chain-format.ts'

/** One line of a group journal, as it stands in its file. */
export interface JournalLine {
  /** From 0, over all files of a chain. */
  readonly seq: number
  /** JSON, byte for byte as it was written. */
  readonly payload: string
  /** 64 hex digits: over the journal's name, seq, the hash before and the payload. */
  readonly hash: string
  /** Of the last line of each sync: its signature is over its hash, and so over everything before it. */
  readonly signedBy: PublicKey | undefined
}

/** What the first line of a file says, which is signed like the last one of a sync. */
export interface FileHead {
  readonly journal: string
  /** 16 random bytes as hex, of the chain: two chains of one writer are not taken for each other. */
  readonly chain: string
  /** Of the file, from 1. */
  readonly number: number
  /** Hash of the last line of the file before. */
  readonly prev: string
}

export const GROUP_SIGNATURE_TAG = 'countersign/group-journal-sync'
const HASH_TAG = 'countersign/group-journal'
const LINE =
  /^\{"seq":(0|[1-9]\d{0,14}),"hash":"([0-9a-f]{64})"(?:,"by":"([0-9a-f]{66})","signature":"([0-9a-f]{128})")?,"payload":(.*)\}$/su
const HEAD = /^\{"journal":"([a-z-]{1,32})","chain":"([0-9a-f]{32})","number":([1-9]\d{0,7}),"prev":"([0-9a-f]{64})"\}$/

export const hashOfLine = (journal: string, prev: string, seq: number, payload: string): string =>
  toHex(taggedHash(HASH_TAG, encodeFields(journal, seq, fromHex(prev), payload)))

export interface LineSignature {
  readonly by: PublicKey
  readonly signature: Uint8Array
}

/** JSON whose fields stand in one order, so that a line has one spelling. */
export function textOfLine(seq: number, hash: string, payload: string, signed?: LineSignature): string {
  const by = signed === undefined ? '' : `,"by":"${signed.by}","signature":"${toHex(signed.signature)}"`
  return `{"seq":${seq},"hash":"${hash}"${by},"payload":${payload}}`
}

export const textOfHead = ({ journal, chain, number, prev }: FileHead): string =>
  JSON.stringify({ journal, chain, number, prev })

/** undefined if it is no head of this journal. */
export function parseHead(journal: string, payload: string): FileHead | undefined {
  const [, name, chain, number, prev] = HEAD.exec(payload) ?? []
  if (name !== journal || chain === undefined || prev === undefined) return undefined
  return { journal, chain, number: Number(number), prev }
}

/** Whether a whole line claims to end a sync: such a line is never what a crash left. */
export const looksSigned = (line: string): boolean => LINE.exec(line)?.[4] !== undefined

/**
 * A line as the next one of its journal, or what is wrong with it as a few words. `at` is undefined for the first line of a file, which
 * says itself what it follows. Never throws.
 */
export function readLine(
  journal: string,
  line: string,
  at: { readonly seq: number; readonly prev: string } | undefined,
): JournalLine | string {
  const [, seqText, hash, by, signature, payload] = LINE.exec(line) ?? []
  if (seqText === undefined || hash === undefined) return 'is no line of a journal'
  if (payload === undefined || !isJson(payload)) return 'holds no JSON'
  const seq = Number(seqText)
  const head = parseHead(journal, payload)
  if (at === undefined && (head === undefined || by === undefined)) return `does not begin a file of "${journal}"`
  if (at !== undefined && seq !== at.seq) return `has seq ${seqText}, and seq ${at.seq} was to follow`
  if ((seq === 0) !== (at === undefined && head?.prev === NO_HASH)) return 'begins nothing'
  if (hashOfLine(journal, at?.prev ?? head?.prev ?? NO_HASH, seq, payload) !== hash)
    return 'was changed: its hash is of something else, or a line before it is gone'
  if (by === undefined || signature === undefined) return { seq, payload, hash, signedBy: undefined }
  return isSigned(by, hash, signature)
    ? { seq, payload, hash, signedBy: by as PublicKey }
    : 'is not signed by whom it names'
}

function isSigned(by: string, hash: string, signature: string): boolean {
  if (!isHex(signature, 64)) return false
  try {
    return verifyTagged(GROUP_SIGNATURE_TAG, fromHex(hash), fromHex(signature), publicKeyBytes(parsePublicKey(by)))
  } catch {
    return false
  }
}
