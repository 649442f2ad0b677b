/** The method that is measured: the smallest that a server answers by itself. */
import { create } from '@bufbuild/protobuf'
import type { KeyPair } from '../../src/curve/index.ts'
import {
  createHelloHandler,
  createKeyHandlers,
  createS2Handlers,
  createStatusHandlers,
  encodeRequest,
  encodeResult,
  type Handlers,
  METHODS,
} from '../../src/rpc/index.ts'
import type { Sizes } from '../baseline/gathered-stream.ts'

export const METHOD = 'health'
const ROW = METHODS[METHOD]
const RESULT = { ready: true, waitingFor: [] }
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
    'threshold.public_key': unasked,
    'threshold.sign': unasked,
    'threshold.sign_batch': unasked,
    ...createStatusHandlers(() => ({ waitingFor: [], policy: 'bridge', active: undefined })),
    ...createS2Handlers(undefined),
    ...createKeyHandlers(undefined),
  }
}
