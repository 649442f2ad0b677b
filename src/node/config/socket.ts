import { resolve } from 'node:path'
import { CodedError, type PublicKey } from '../../base/index.ts'
import { checkSocketPath } from '../../status/index.ts'
import { isTable, isTableList, requireKnownKeys, scalarsOf, type Table } from './check.ts'
import { configError, type Place } from './errors.ts'
import { parseToml, readToml } from './load.ts'
import type { Rows } from './row.ts'
import { DEFAULT_SOCKET, socketPathOf } from './rules.ts'
import { LISTS, ROOT, SECTIONS } from './schema.ts'
import { nearest } from './suggest.ts'

const WAY_OUT = `--socket PATH finds the running node without its config (PATH is ${DEFAULT_SOCKET} in data_dir if nothing else was set)`

/** Of a config, what finds its node. */
export interface FoundNode {
  readonly socketPath: string
  /** Keys of which the node has one; none where the file doesn't pin them readably. */
  readonly publicKeys: readonly PublicKey[]
}

/**
 * Path of the admin socket that a config names. Values elsewhere in the file may be wrong: after a bad edit the operator asks
 * the running node how it is. Where the file may hide the socket, throws `CONFIG_MISSING`, `CONFIG_UNREADABLE`,
 * `CONFIG_INVALID` or `ADMIN_SOCKET_PATH_TOO_LONG`, and names the way out; it guesses nothing, because another node might
 * answer there.
 */
export async function findNode(file: string): Promise<FoundNode> {
  const absolute = resolve(file)
  try {
    const document = parseToml(await readToml(absolute, '`countersign init` makes one'), absolute)
    const socketPath = socketIn(document, absolute)
    checkSocketPath(socketPath)
    return { socketPath, publicKeys: pinnedIn(document, absolute) }
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    throw new CodedError(error.code, `${error.message}; ${WAY_OUT}`, error.data, { cause: error })
  }
}

function socketIn(document: Table, file: string): string {
  const { admin = {}, data_dir = ROOT.data_dir.fallback } = document
  const at = { file, section: 'admin' }
  if (!isTable(admin)) throw configError(at, 'must be a section: write [admin] on a line of its own, once')
  const set = Object.hasOwn(admin, 'socket')
  const socket = set ? SECTIONS.admin.socket.read(admin.socket, { ...at, key: 'socket' }) : undefined
  // A data_dir that is wrong hides nothing where the socket is named, nor does anything else.
  if (socket !== undefined) return socket
  requireNothingHidden(document, admin, file)
  return socketPathOf(ROOT.data_dir.read(data_dir, { file, section: '', key: 'data_dir' }), undefined)
}

/** A default is taken only where nothing in the file may have been meant for `data_dir` or `[admin] socket`. */
function requireNothingHidden(document: Table, admin: Table, file: string): void {
  if (Object.keys(document).length === 0)
    throw configError({ file, section: '' }, 'is empty: put the config back, or name the right file with --config')
  requireKnownKeys(scalarsOf(document, file), ROOT, { file, section: '' })
  requireKnownKeys(admin, SECTIONS.admin, { file, section: 'admin' })
  for (const [section, rows] of Object.entries<Rows>({ ...SECTIONS, ...LISTS })) {
    const [outer = '', inner] = section.split('.')
    const tables = isTableList(document[outer]) ? document[outer] : [document[outer]]
    for (const table of tables)
      requireNoStray(inner !== undefined && isTable(table) ? table[inner] : table, rows, { file, section })
  }
}

function requireNoStray(table: unknown, known: Rows, at: Place): void {
  if (!isTable(table)) return
  for (const key of Object.keys(table)) {
    const meant = Object.hasOwn(known, key) ? undefined : nearest(key, ['data_dir', 'socket', 'admin'])
    if (meant === undefined) continue
    const home = meant === 'data_dir' ? 'before the first section' : 'under [admin]'
    throw configError({ ...at, key }, `is not a known key here: if ${meant} was meant, it belongs ${home}`)
  }
}

/** Once the registry holds the next key, the node runs under that (R7). */
function pinnedIn({ identity }: Table, file: string): readonly PublicKey[] {
  if (!isTable(identity)) return []
  const { public_key, next_public_key } = SECTIONS.identity
  const read = (key: string, row: typeof next_public_key) =>
    row.read(identity[key] as never, { file, section: 'identity', key })
  try {
    const own = read('public_key', public_key)
    return Object.hasOwn(identity, 'next_public_key') ? [own, read('next_public_key', next_public_key)] : [own]
  } catch (error) {
    if (error instanceof CodedError) return []
    throw error
  }
}
