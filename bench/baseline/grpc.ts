/** Unary calls of `@grpc/grpc-js` over TLS on one channel, with the same bytes each way. */
import { Client, credentials, Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js'
import type { Sizes } from './gathered-stream.ts'
import { selfSigned } from './self-signed.ts'

const same = (bytes: Buffer): Buffer => bytes
const PATH = '/bench.Echo/Echo'
const SERVICE: ServiceDefinition = {
  echo: {
    path: PATH,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
}

/** Port and certificate (PEM) of a server. */
export async function serveGrpc({ resultBytes }: Sizes): Promise<{ port: number; certificate: string }> {
  const { key, certificate } = selfSigned('localhost')
  const result = Buffer.alloc(resultBytes, 7)
  const server = new Server()
  server.addService(SERVICE, {
    echo: (_call: unknown, answer: (error: null, value: Buffer) => void) => answer(null, result),
  })
  const pair = [{ private_key: Buffer.from(key), cert_chain: Buffer.from(certificate) }]
  const tls = ServerCredentials.createSsl(null, pair)
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('localhost:0', tls, (error, bound) => (error === null ? resolve(bound) : reject(error))),
  )
  return { port, certificate }
}

export function connectGrpc(port: number, certificate: string, { requestBytes }: Sizes) {
  const client = new Client(`localhost:${port}`, credentials.createSsl(Buffer.from(certificate)))
  const request = Buffer.alloc(requestBytes, 7)
  return () =>
    new Promise<void>((resolve, reject) => {
      client.makeUnaryRequest(PATH, same, same, request, (error) => (error === null ? resolve() : reject(error)))
    })
}
