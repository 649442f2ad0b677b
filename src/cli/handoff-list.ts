import { CodedError, describeError } from '../base/index.ts'
import { readInput } from './read-input.ts'

/** One line of a list, as the node takes it. */
export interface ListedDigest {
  readonly digest: string
  /** `none`, `empty`, or 64 hex digits. */
  readonly merkle_root: string
}

const HASH = /^[0-9a-fA-F]{64}$/

/** Collects `--digest` and `--merkle-root` as they stand on the command line: a root is the digest's before it. */
export class DigestOptions {
  readonly #listed: ListedDigest[] = []

  get listed(): readonly ListedDigest[] {
    return this.#listed
  }
  /** Throws `USAGE`. */
  readonly digest = (text: string): true => {
    this.#listed.push({ digest: digestOf(text, '--digest'), merkle_root: 'none' })
    return true
  }
  /** Throws `USAGE`. */
  readonly merkleRoot = (text: string): true => {
    const last = this.#listed.pop()
    if (last === undefined)
      throw new CodedError('USAGE', '--merkle-root belongs to the --digest before it: give that first')
    this.#listed.push({ ...last, merkle_root: rootOf(text, '--merkle-root') })
    return true
  }
}

/**
 * A file with one digest per line, its merkle root behind it; `#` begins a comment. Throws `FILE_MISSING`, `FILE_UNREADABLE`,
 * `HANDOFF_FILE_INVALID`.
 */
export async function readDigestFile(file: string): Promise<readonly ListedDigest[]> {
  const bytes = await readInput(file, 'write it, one digest per line')
  return parseDigestFile(new TextDecoder().decode(bytes), file)
}

export function parseDigestFile(text: string, file: string): readonly ListedDigest[] {
  const lines = text.split(/\r?\n/).map((line) => line.replace(/#.*/, '').trim())
  return lines.flatMap((line, i) => {
    if (line === '') return []
    try {
      const [digest = '', root = 'none', more] = line.split(/\s+/)
      if (more !== undefined) throw new CodedError('USAGE', 'it has more than a digest and its merkle root')
      return [{ digest: digestOf(digest, 'the digest'), merkle_root: rootOf(root, 'the merkle root') }]
    } catch (error) {
      const why = error instanceof CodedError ? error.message : describeError(error)
      throw new CodedError('HANDOFF_FILE_INVALID', `${file}, line ${i + 1}: ${why}`)
    }
  })
}

function digestOf(text: string, what: string): string {
  if (!HASH.test(text)) throw new CodedError('USAGE', `${what} must have 64 hex digits`)
  return text.toLowerCase()
}

function rootOf(text: string, what: string): string {
  if (text === 'none' || text === 'empty') return text
  if (!HASH.test(text)) throw new CodedError('USAGE', `${what} must be none, empty or 64 hex digits`)
  return text.toLowerCase()
}
