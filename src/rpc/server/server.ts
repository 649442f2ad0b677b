import { describeError, type Logger, type PeerIdStr, type Startable, withDeadline } from '../../base/index.ts'
import type { FrameStream } from '../../p2p/index.ts'
import { RPC_PROTOCOL, RpcError } from '../wire/index.ts'
import { AuditTrail } from './audit.ts'
import type { ServerCore } from './core.ts'
import { bindAll } from './dispatch.ts'
import { SERVER_LIMITS } from './limits.ts'
import { rpcMetrics } from './metrics.ts'
import { createQuota, DEFAULT_DAILY } from './quota.ts'
import { ServerStream } from './stream.ts'
import type { RpcServerInit } from './types.ts'

/** Time that clients get at `stop` to take their last answers and to let go of the stream. */
const STOP_GRACE_MS = 1_000

class RpcServer implements Startable {
  readonly #init: RpcServerInit
  readonly #core: ServerCore
  readonly #logger: Logger
  readonly #streams = new Map<ServerStream, Promise<void>>()
  #unhandle: (() => Promise<void>) | undefined

  constructor(init: RpcServerInit) {
    this.#init = init
    this.#logger = init.logger.child('rpc')
    this.#core = {
      clock: init.clock,
      logger: this.#logger,
      authorize: init.authorize,
      takeQuota: init.takeQuota ?? createQuota(),
      takeDaily: init.takeDaily ?? createQuota((_peer, quota) => DEFAULT_DAILY[quota]),
      hasRoom: init.hasRoom ?? (() => true),
      methods: bindAll(init.handlers),
      metrics: rpcMetrics(init.metrics),
      limits: { ...SERVER_LIMITS, ...init.limits },
      audit:
        init.audit === undefined
          ? undefined
          : new AuditTrail({ log: init.audit, clock: init.clock, logger: this.#logger }),
      running: new Map<PeerIdStr, number>(),
    }
  }

  async start(): Promise<void> {
    const { maxFrameBytes: receivedBytes, maxAnswerFrameBytes: sentBytes } = this.#core.limits
    const cap = { receivedBytes, sentBytes }
    this.#unhandle = await this.#init.streams.handle(RPC_PROTOCOL, cap, (s) => this.#onStream(s))
  }

  async stop(): Promise<void> {
    const unhandle = this.#unhandle
    this.#unhandle = undefined
    await unhandle?.()
    await Promise.all([...this.#streams].map(([stream, served]) => this.#stopStream(stream, served)))
    await this.#core.audit?.stop()
  }

  async #onStream(stream: FrameStream): Promise<void> {
    if (this.#unhandle === undefined) return stream.abort(new RpcError('STOPPED'))
    const serving = new ServerStream(this.#core, stream)
    const served = serving.serve()
    this.#streams.set(serving, served)
    this.#core.metrics.streams.set({}, this.#streams.size)
    try {
      await served
    } finally {
      this.#streams.delete(serving)
      this.#core.metrics.streams.set({}, this.#streams.size)
    }
  }

  /** The last answers are on their way when our side is closed; a reset at once would overtake them. */
  async #stopStream(stream: ServerStream, served: Promise<void>): Promise<void> {
    try {
      await withDeadline('closing an rpc stream', STOP_GRACE_MS, async () => {
        await stream.stop()
        await served
      })
    } catch (error) {
      this.#logger.debug('rpc stream did not close in time', { error: describeError(error) })
    }
    stream.abort(new RpcError('STOPPED'))
  }
}

/** Serves the method table on `/countersign/rpc/1` (docs/PROTOCOL.md). Bounded in every direction (`src/base/limits.ts`). */
export function createRpcServer(init: RpcServerInit): Startable {
  return new RpcServer(init)
}
