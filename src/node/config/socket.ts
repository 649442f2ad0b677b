import { resolve } from 'node:path'
import { CodedError } from '../../base/index.ts'
import { checkSocketPath } from '../../status/index.ts'
import { configError } from './errors.ts'
import { parseToml, readToml } from './load.ts'
import { DEFAULT_SOCKET, socketPathOf } from './rules.ts'
import { ROOT, SECTIONS } from './schema.ts'

const WAY_OUT = `--socket PATH finds the running node without its config (PATH is ${DEFAULT_SOCKET} in data_dir if nothing else was set)`

/**
 * Path of the admin socket that a config names. Everything else in the file may be wrong: after a bad edit the operator asks
 * the running node how it is. Where the file hides the socket, throws `CONFIG_MISSING`, `CONFIG_UNREADABLE`, `CONFIG_INVALID`
 * or `ADMIN_SOCKET_PATH_TOO_LONG`, and names the way out; it guesses nothing, because another node might answer there.
 */
export async function findAdminSocket(file: string): Promise<string> {
  const absolute = resolve(file)
  try {
    const path = socketIn(parseToml(await readToml(absolute, '`countersign init` makes one'), absolute), absolute)
    checkSocketPath(path)
    return path
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    throw new CodedError(error.code, `${error.message}; ${WAY_OUT}`, error.data, { cause: error })
  }
}

function socketIn(document: Readonly<Record<string, unknown>>, file: string): string {
  const { admin = {}, data_dir = ROOT.data_dir.fallback } = document
  const at = { file, section: 'admin' }
  if (!isTable(admin)) throw configError(at, 'must be a section: write [admin] on a line of its own, once')
  const set = Object.hasOwn(admin, 'socket')
  const socket = set ? SECTIONS.admin.socket.read(admin.socket, { ...at, key: 'socket' }) : undefined
  // A data_dir that is wrong hides nothing where the socket is named.
  if (socket !== undefined) return socket
  return socketPathOf(ROOT.data_dir.read(data_dir, { file, section: '', key: 'data_dir' }), undefined)
}

const isTable = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
