/** The method that is measured: the smallest that a server answers by itself. */
import { create } from '@bufbuild/protobuf'
import type { KeyPair } from '../../src/curve/index.ts'
import { createHelloHandler, encodeRequest, encodeResult, type Handlers, METHODS } from '../../src/rpc/index.ts'
import type { Sizes } from '../baseline/gathered-stream.ts'

export const METHOD = 'threshold.public_key'
const ROW = METHODS[METHOD]
const RESULT = { publicKey: new Uint8Array(32).fill(7) }
export const TIMEOUT_MS = ROW.defaultTimeoutMs
export const PARAMS = ROW.request.encode(create(ROW.request.desc, {}))

/** Of the frames, with an id as it is after some ten thousand requests. */
const ID = 20_000
export const SIZES: Sizes = {
  requestBytes: encodeRequest(ID, METHOD, PARAMS, TIMEOUT_MS).length,
  resultBytes: encodeResult(ID, ROW.response.encode(create(ROW.response.desc, RESULT))).length,
}

export function methodHandlers(keyPair: KeyPair): Handlers {
  const { peerId, publicKey } = keyPair
  const unasked = () => Promise.reject(new Error('not part of the benchmark'))
  return {
    hello: createHelloHandler({
      authorize: () => 'granted',
      roleOf: () => 'bridge',
      facts: () => ({ peerId, publicKey, network: 'bench', software: '0', waitingFor: [] }),
    }),
    'threshold.sign': unasked,
    [METHOD]: async () => RESULT,
  }
}
