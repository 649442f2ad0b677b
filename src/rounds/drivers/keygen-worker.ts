import { parentPort, workerData } from 'node:worker_threads'
import { type KeyMaterial, type MadeKey, makeKey } from '../../crypto/index.ts'
import { curve } from '../../curve/index.ts'
import { interruptible, ThreadControl } from './thread-control.ts'

const control = new ThreadControl(workerData)

/** One key, and then the thread ends, and its memory with it. The share goes back by transfer: no copy of it stays here. */
parentPort?.once('message', (material: KeyMaterial) => {
  try {
    const made: MadeKey = makeKey(material, interruptible(curve, control))
    parentPort?.postMessage(made, made.kind === 'key' ? [ownBuffer(made.key.signingShare)] : [])
  } finally {
    control.tellIdle()
  }
})

/** Of a view into a larger buffer nothing can be transferred but all of it; our shares are whole. */
function ownBuffer({ buffer, byteLength }: Uint8Array): ArrayBuffer {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength !== byteLength)
    throw new TypeError('signing share: expected a buffer of its own')
  return buffer
}
