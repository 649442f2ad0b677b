import { LIMITS } from '../../base/index.ts'
import { RPC_FRAME_CAPS } from '../wire/index.ts'
import type { ServerLimits } from './types.ts'

export const SERVER_LIMITS: ServerLimits = {
  maxFrameBytes: RPC_FRAME_CAPS.requestBytes,
  maxAnswerFrameBytes: RPC_FRAME_CAPS.answerBytes,
  maxInFlight: LIMITS.maxRpcInFlight,
  maxRunningPerPeer: LIMITS.maxRpcInFlight * LIMITS.maxStreamsPerPeer,
  maxUnsentAnswers: 2 * LIMITS.maxRpcInFlight,
  // Half of what a stream holds for a peer before it is given up; one answer more fits beside it.
  maxHeldAnswerBytes: 2 * 1024 * 1024,
  writeTimeoutMs: 10_000,
}

/** What is kept back from the caller's wait, so that a handler's typed failure arrives before the caller gives up. */
export const handlerMarginMs = (timeoutMs: number): number => Math.min(100, Math.floor(timeoutMs / 10))
