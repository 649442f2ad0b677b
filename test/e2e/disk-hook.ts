import { appendFileSync, existsSync, readFileSync, unlinkSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { ClassicLevel } from 'classic-level'

/*
 * Preloaded by tests into a node's process (`node --import`): stands between the node and LevelDB, does what the file `order` in its
 * folder says to the next write of one-time bindings, and notes in `trace` what happened in which order. The program knows nothing of it.
 */
const FOLDER = process.env.COUNTERSIGN_TEST_HOOK ?? ''
/** Pings and acknowledgements are smaller; a batch of 64 partial signatures is not. */
const LARGE_BYTES = 1_024
const LOOK_MS = 10

interface Operation {
  readonly type: string
  readonly key: unknown
}
interface Batches {
  _batch(operations: readonly Operation[], options: { readonly sync?: boolean }): Promise<void>
}

const note = (text: string): void => appendFileSync(join(FOLDER, 'trace'), `${text}\n`)

/** Taken once. */
function nextOrder(): string {
  const file = join(FOLDER, 'order')
  if (!existsSync(file)) return ''
  const order = readFileSync(file, 'utf8')
  unlinkSync(file)
  return order
}

const isOfBindings = ({ type, key }: Operation): boolean =>
  type === 'put' &&
  Buffer.from(key as string | Uint8Array)
    .toString('utf8')
    .startsWith('s2-bindings/')

const level: Batches = ClassicLevel.prototype as never
const write = level._batch
level._batch = async function (operations, options) {
  if (!operations.some(isOfBindings)) return await write.call(this, operations, options)
  const order = nextOrder()
  note(`binding begins, sync ${options.sync === true}, ${order}`)
  if (order === 'kill before sync') process.kill(process.pid, 'SIGKILL')
  if (order === 'fail') throw new Error('the disk of this test is broken')
  if (order === 'hold') while (!existsSync(join(FOLDER, 'release'))) await wait(LOOK_MS)
  await write.call(this, operations, options)
  note('binding synced')
  if (order === 'kill after sync') process.kill(process.pid, 'SIGKILL')
}

const send = Socket.prototype.write as (...args: unknown[]) => boolean
Socket.prototype.write = function (this: Socket, ...args: unknown[]): boolean {
  const [chunk] = args
  if (chunk instanceof Uint8Array && chunk.length >= LARGE_BYTES) note(`sent ${chunk.length}`)
  return send.apply(this, args)
} as typeof Socket.prototype.write
