import { parentPort, workerData } from 'node:worker_threads'
import { equalBytes, fromHex } from '../../base/index.ts'
import { wotsPublicKey, wotsSizes } from '../../crypto/index.ts'
import { answerTo, type ChainItem, sharedMaterial } from './chain-work.ts'

/** HASH160 sixteen times over 20 bytes of zero, made with OpenSSL. */
const KNOWN = fromHex('1bb1e821d45674e4d2af3e3d5b67b5b2af0ef239')
/** Until the engine has compiled all of it: the first burst is then as fast as the next. 30 ms. */
const WARM_KEYS = 48

/** A thread that hashes wrongly dies of it here: a wrong public key would be answered for ever. */
function checkAndWarm(): void {
  const zeros = new Uint8Array(wotsSizes(128).keyBytes)
  for (let i = 0; i < WARM_KEYS; i++) {
    const publicKey = wotsPublicKey(zeros)
    for (let at = 0; at < publicKey.length; at += KNOWN.length)
      if (!equalBytes(publicKey.subarray(at, at + KNOWN.length), KNOWN)) throw new Error('hash chains come out wrong')
  }
}

if (!(workerData instanceof SharedArrayBuffer)) throw new TypeError('expected the material in shared memory')
const material = sharedMaterial(workerData)
checkAndWarm()
parentPort?.on('message', (items: readonly ChainItem[]) => {
  parentPort?.postMessage(items.map((item) => answerTo(item, material)))
})
