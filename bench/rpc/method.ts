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
export const TIMEOUT_MS = ROW.defaultTimeoutMs
export const PARAMS = ROW.request.encode(create(ROW.request.desc, {}))

/** Of the frames, with an id as it is after some ten thousand requests. */
const ID = 20_000
export const SIZES: Sizes = {
  requestBytes: encodeRequest(ID, METHOD, PARAMS, TIMEOUT_MS).length,
  resultBytes: encodeResult(ID, ROW.response.encode(create(ROW.response.desc, { ready: true }))).length,
}

/** As a node has them, without a seed. */
export function methodHandlers({ peerId, publicKey }: KeyPair): Handlers {
  const facts = {
    ...{ peerId, publicKey, network: 'bench', software: '0', waitingFor: [] },
    ...{ policy: 'bridge' as const, active: undefined },
  }
  const unasked = () => Promise.reject(new Error('not part of the benchmark'))
  return {
    hello: createHelloHandler({ authorize: () => 'granted', roleOf: () => 'bridge', facts: () => facts }),
    ...createStatusHandlers(() => facts),
    ...createS2Handlers(undefined),
    ...createKeyHandlers(undefined),
    'threshold.public_key': unasked,
    'threshold.sign': unasked,
    'threshold.sign_batch': unasked,
  }
}
