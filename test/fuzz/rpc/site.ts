import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Stream } from '@libp2p/interface'
import { type Logger, noMetrics, silentLogger, sleep, systemClock } from '../../../src/base/index.ts'
import { curve, KeyPair } from '../../../src/curve/index.ts'
import { Libp2pFrameStream } from '../../../src/p2p/frame-stream.ts'
import type { FrameStream, StreamPort } from '../../../src/p2p/index.ts'
import {
  createHelloHandler,
  createKeyHandlers,
  createRpcServer,
  createS2Handlers,
  createStatusHandlers,
  createThresholdHandlers,
  RPC_FRAME_CAPS,
  RPC_PROTOCOL,
} from '../../../src/rpc/index.ts'
import {
  type ChainMaterial,
  chainThreads,
  createPolicy,
  keyService,
  memoryKeyBackend,
  requestBindings,
  type SignResult,
  type ThresholdRounds,
  thresholdService,
} from '../../../src/signer/index.ts'
import { generateStorageIdentity, type Store, sealerOf } from '../../../src/store/index.ts'
import { groupOf, policyInit } from '../../unit/signer/fixtures.ts'
import { freshRun, homeIn } from '../../unit/signer/s2/service-fixtures.ts'
import { HELD_DIGEST } from './frames.ts'
import { pipe } from './pipe.ts'

const NODE = KeyPair.generate()
const BRIDGE = KeyPair.generate()
const CAP = { receivedBytes: RPC_FRAME_CAPS.requestBytes, sentBytes: RPC_FRAME_CAPS.answerBytes }
/** Longer than a session may take. */
const HELD_MS = 120_000
const TIMED_OUT: SignResult = { ok: false, code: 'TIMEOUT', message: '', missing: [NODE.publicKey], cheaters: [] }

/** A server as a node has it, over streams of the library within the process: only the wire between is missing. */
export interface Site {
  /** The client's end, which takes any bytes. */
  open(): Promise<Stream>
  /** What the server told its operator of as its own failure. */
  readonly failures: readonly string[]
  stop(): Promise<void>
}

export async function openSite(): Promise<Site> {
  const failures: string[] = []
  const logger: Logger = {
    ...silentLogger,
    error: (message, fields) => failures.push(`${message} ${JSON.stringify(fields)}`),
    child: () => logger,
  }
  const dir = mkdtempSync(join(tmpdir(), 'countersign-fuzz-'))
  const chains = (material: ChainMaterial) => chainThreads({ material, logger })
  const s2 = await freshRun(homeIn(dir), { logger, chains })
  const { store } = s2
  const keys = await keysOver(store, logger)
  const threshold = thresholdOver(store, logger)
  const signing = createThresholdHandlers(threshold)
  const streams = new MemoryStreams()
  const authorize = () => 'granted' as const
  const facts = {
    ...{ peerId: NODE.peerId, publicKey: NODE.publicKey, network: 'fuzz', software: '0', waitingFor: [] },
    ...{ policy: 'bridge' as const, active: undefined },
  }
  const server = createRpcServer({
    streams,
    authorize,
    handlers: {
      hello: createHelloHandler({ authorize, roleOf: () => 'bridge', facts: () => facts }),
      ...createStatusHandlers(() => facts),
      ...signing,
      'threshold.sign': async (params, context) => {
        if (HELD_DIGEST.every((b, i) => params.digest[i] === b)) await sleep(HELD_MS, context.signal)
        return signing['threshold.sign'](params, context)
      },
      ...createS2Handlers(s2.service),
      ...createKeyHandlers(keys),
    },
    clock: systemClock,
    logger,
    metrics: noMetrics,
    // Quotas have tests of their own; here they would only keep requests from their handlers.
    takeQuota: () => true,
  })
  await server.start()
  return {
    failures,
    open: () => streams.connect(),
    async stop() {
      await server.stop()
      await threshold.stop()
      await keys.stop()
      await s2.stop()
      failures.push(...s2.fatal.map(String))
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function keysOver(store: Store, logger: Logger) {
  const sealer = await sealerOf(await generateStorageIdentity())
  const backend = memoryKeyBackend({ sealer, owner: NODE.publicKey, logger })
  const keys = keyService({ backend, space: store.space('keys'), clock: systemClock, logger })
  await keys.start()
  return keys
}

function thresholdOver(store: Store, logger: Logger) {
  const group = groupOf()
  const [member] = group.members
  if (member === undefined) throw new Error('a group without members')
  const share = group.share(member)
  const { groupKey } = share.key.public
  const bindings = requestBindings({ space: store.space('bindings'), logger, onFatal: () => {} })
  const rounds: ThresholdRounds = {
    async sign({ items }, _deadlineMs, signal) {
      const [first] = items
      // Some at once, some late, some too late, some only given up.
      const way = (first?.digest[0] ?? 0) % 4
      if (way > 0) await sleep(way === 1 ? 2 : 20, way === 3 ? signal : undefined)
      // A tweaked key is not in question here.
      if (way === 2 || items.some((i) => i.tweak.kind !== 'none')) return TIMED_OUT
      return { ok: true, signatures: items.map((i) => curve.schnorrSign(i.digest, group.secret)) }
    },
  }
  return thresholdService({
    activeKey: () => ({ setHash: '33'.repeat(32) as never, groupKey }),
    isSigner: () => true,
    shares: { byGroupKey: () => share },
    policy: createPolicy({ ...policyInit, bindings, clock: systemClock }),
    bindings,
    rounds,
    clock: systemClock,
    logger,
    metrics: noMetrics,
  })
}

class MemoryStreams implements StreamPort {
  #serve: ((stream: FrameStream) => Promise<void>) | undefined
  async handle(_protocol: string, _cap: unknown, onStream: (stream: FrameStream) => Promise<void>) {
    this.#serve = onStream
    return async () => {
      this.#serve = undefined
    }
  }
  open(): Promise<FrameStream> {
    return Promise.reject(new Error('a server opens no streams'))
  }
  async connect(): Promise<Stream> {
    const [near, far] = pipe(RPC_PROTOCOL)
    const frames = new Libp2pFrameStream(far, BRIDGE.peerId, CAP)
    // As the host does it (src/p2p/streams.ts).
    this.#serve?.(frames).then(
      () => frames.close(),
      (error: Error) => frames.abort(error),
    )
    return near
  }
}
