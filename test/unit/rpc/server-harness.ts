import { create, toBinary } from '@bufbuild/protobuf'
import { noMetrics, silentLogger } from '../../../src/base/index.ts'
import {
  createRpcServer,
  decodeServerFrame,
  encodeRequest,
  type Handlers,
  METHODS,
  type RpcServerInit,
  type ServerFrame,
} from '../../../src/rpc/index.ts'
import { ThresholdSignRequestSchema } from '../../../src/rpc/wire/pb/rpc_pb.ts'
import { ManualClock, MemoryNetwork, type MemoryStream, quickHandlers } from './harness.ts'

/** Encoded params of a good threshold.sign. */
export const signParams = (requestId = 'r1', digest = new Uint8Array(32).fill(9)): Uint8Array =>
  toBinary(
    ThresholdSignRequestSchema,
    create(ThresholdSignRequestSchema, { requestId, digest, tweak: { kind: { case: 'none', value: {} } } }),
  )
export const signFrame = (id: number, timeoutMs = 0, params = signParams()): Uint8Array =>
  encodeRequest(id, 'threshold.sign', params, timeoutMs)
export const helloFrame = (id: number): Uint8Array => encodeRequest(id, 'hello', new Uint8Array(0), 0)

export async function serve(handlers: Partial<Handlers> = {}, over: Partial<RpcServerInit> = {}) {
  const net = new MemoryNetwork()
  const clock = new ManualClock()
  const server = createRpcServer({
    streams: net.server,
    authorize: () => 'granted',
    handlers: quickHandlers(handlers),
    clock,
    logger: silentLogger,
    metrics: noMetrics,
    ...over,
  })
  await server.start()
  return { net, clock, server, stream: await net.open() }
}

/** Next answer on a stream. Fails when the stream has ended instead. */
export async function answer(stream: MemoryStream): Promise<ServerFrame> {
  const bytes = await stream.read()
  if (bytes === undefined) throw new Error('the stream ended without an answer')
  return decodeServerFrame(bytes)
}

export async function errorAnswer(
  stream: MemoryStream,
): Promise<{ id: number; code: string; field: string | undefined }> {
  const frame = await answer(stream)
  if (frame.kind !== 'error') throw new Error(`expected an error, got ${frame.kind}`)
  return { id: frame.id, code: frame.error.code, field: frame.error.details.field }
}

export async function resultAnswer(stream: MemoryStream): Promise<{ id: number; result: Uint8Array }> {
  const frame = await answer(stream)
  if (frame.kind !== 'result') throw new Error(`expected a result, got ${JSON.stringify(frame)}`)
  return { id: frame.id, result: frame.result }
}

/** That the stream still serves. */
export async function greets(stream: MemoryStream, id = 4_000_000): Promise<boolean> {
  await stream.write(helloFrame(id))
  const { id: answered, result } = await resultAnswer(stream)
  return answered === id && METHODS.hello.response.decode(result, 'refuse').network === 'devnet'
}
