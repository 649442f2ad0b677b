import { constants } from 'node:fs'
import { fromHex, isHex } from '../../base/index.ts'
import { MusigError } from '../../crypto/index.ts'
import type { BindingKey } from './binding-key.ts'
import { S2Error, S2StateError } from './errors.ts'
import { openJournal, textOf } from './journal-read.ts'
import type { S2Memory } from './memory.ts'
import { type NonceRecord, RUN_BYTES } from './one-time-record.ts'
import type { MusigForm, MusigParams } from './types.ts'

/** A hundred thousand nonces of 15 signers. */
const MAX_FILE_BYTES = 256 * 1024 * 1024
const BATCH = 1_000

/**
 * R33: nonces that the service before this one has shown and not yet signed with, one JSON object a line (docs/S2.md). What this store
 * knows of a nonce already stands. The whole file is checked before anything is taken from it.
 * Throws `S2_IMPORTED_NONCES_INVALID` naming the line, and `S2_JOURNAL_UNREADABLE`.
 */
export async function importNonces(
  path: string,
  memory: S2Memory,
  keyOf: (params: MusigParams, form: MusigForm) => BindingKey,
): Promise<{ readonly listed: number; readonly added: number }> {
  const keys = (await readLines(path)).map((line, i) => keyOfLine(path, line, i + 1, keyOf))
  let added = 0
  for (let at = 0; at < keys.length; at += BATCH) {
    const some = keys.slice(at, at + BATCH)
    await memory.table.use(
      some,
      (records) => {
        for (const key of some) {
          if (records.get(key) !== undefined) continue
          records.set(key, listed(memory.situation('reference').generation))
          added++
        }
      },
      () => {},
    )
  }
  return { listed: keys.length, added }
}

const listed = (generation: number): NonceRecord => ({
  kind: 'nonce',
  origin: 'reference',
  generation,
  run: new Uint8Array(RUN_BYTES),
  randomness: undefined,
  use: undefined,
})

async function readLines(path: string): Promise<readonly string[]> {
  const file = await openJournal(path, constants.O_RDONLY)
  try {
    const { size } = await file.stat()
    if (size === 0) return []
    if (size > MAX_FILE_BYTES) throw invalid(path, 1, `the file is larger than ${MAX_FILE_BYTES} bytes`)
    const text = textOf(await file.readFile())
    if (text === '') throw invalid(path, 1, 'it is no text')
    return text.replace(/\n$/, '').split('\n')
  } finally {
    await file.close()
  }
}

function keyOfLine(
  path: string,
  line: string,
  at: number,
  keyOf: (params: MusigParams, form: MusigForm) => BindingKey,
): BindingKey {
  const parsed = parseLine(line)
  if (parsed === undefined) throw invalid(path, at, 'it is not of the form that docs/S2.md gives')
  try {
    return keyOf(parsed.params, parsed.form)
  } catch (error) {
    if (error instanceof S2Error || error instanceof MusigError) throw invalid(path, at, error.message, error)
    throw error
  }
}

function parseLine(line: string): { readonly params: MusigParams; readonly form: MusigForm } | undefined {
  const json = fieldsOf(parseJson(line))
  if (json === undefined) return undefined
  const { ordered_pubkeys: keys, sighash, txid, vout } = json
  const tweak = parseTweak(fieldsOf(json.tweak))
  if (!Array.isArray(keys) || tweak === undefined) return undefined
  const orderedPublicKeys = keys.map(bytesOf)
  if (!orderedPublicKeys.every((key) => key !== undefined)) return undefined
  const form = sighash === undefined ? outpoint(txid, vout) : bySighash(bytesOf(sighash))
  if (form === undefined || (sighash !== undefined && txid !== undefined)) return undefined
  return { params: { orderedPublicKeys, tweak }, form }
}

function parseTweak(tweak: Readonly<Record<string, unknown>> | undefined): MusigParams['tweak'] | undefined {
  if (tweak?.kind === 'script') return { kind: 'script' }
  if (tweak?.kind !== 'key') return undefined
  const { merkle_root: root } = tweak
  if (root === null) return { kind: 'key', merkleRoot: null }
  const merkleRoot = bytesOf(root)
  return merkleRoot === undefined ? undefined : { kind: 'key', merkleRoot }
}

const bySighash = (sighash: Uint8Array | undefined): MusigForm | undefined =>
  sighash === undefined ? undefined : { kind: 'sighash', sighash }

function outpoint(txidHex: unknown, vout: unknown): MusigForm | undefined {
  const txid = bytesOf(txidHex)
  return txid === undefined || typeof vout !== 'number' ? undefined : { kind: 'outpoint', txid, vout }
}

const bytesOf = (value: unknown): Uint8Array | undefined =>
  typeof value === 'string' && isHex(value) ? fromHex(value) : undefined
const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

const invalid = (path: string, line: number, why: string, cause?: unknown) =>
  new S2StateError(
    'S2_IMPORTED_NONCES_INVALID',
    `${path}, line ${line}: ${why}; nothing of the file was taken`,
    { path, line },
    { cause },
  )
