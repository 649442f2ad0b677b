import { lstat, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { CodedError } from '../base/index.ts'

/** `sun_path` holds 104 bytes on macOS and the BSDs, 108 on Linux, with the closing zero. */
export const MAX_SOCKET_PATH_BYTES = 100

/** A unix socket connects at once, or its owner hangs. */
const ANSWER_TIMEOUT_MS = 2_000

/** Throws `ADMIN_SOCKET_PATH_TOO_LONG`: the kernel's own error says nothing of a length. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path)
  if (bytes <= MAX_SOCKET_PATH_BYTES) return
  throw new CodedError(
    'ADMIN_SOCKET_PATH_TOO_LONG',
    `the admin socket's path has ${bytes} bytes and a unix socket's may have ${MAX_SOCKET_PATH_BYTES} (${path}): set [admin] socket to a shorter path`,
    { path, bytes, maxBytes: MAX_SOCKET_PATH_BYTES },
  )
}

/**
 * Removes the socket that a killed node left behind. Throws `ADMIN_SOCKET_IN_USE` if somebody answers there or the path is
 * something else than a socket: nothing that we did not make is ever deleted.
 */
export async function clearStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (found === undefined) return
  if (!found.isSocket()) throw inUse(path, 'is a file of another kind')
  if (await answers(path)) throw inUse(path, 'belongs to a running node')
  await unlink(path)
}

const inUse = (path: string, what: string) =>
  new CodedError(
    'ADMIN_SOCKET_IN_USE',
    `the admin socket ${path} ${what}: stop that node, or set [admin] socket to another path`,
    { path },
  )

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const settle = (alive: boolean) => {
      clearTimeout(giveUp)
      socket.destroy()
      resolve(alive)
    }
    // A process that hangs with its socket open is still there.
    const giveUp = setTimeout(() => settle(true), ANSWER_TIMEOUT_MS)
    socket.once('connect', () => settle(true))
    // Only a refused connection proves that nobody listens; anything else leaves the socket alone.
    socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code !== 'ECONNREFUSED'))
  })
}
