import { describe, expect, it } from 'vitest'
import { codeOf, fromHex, withDeadline } from '../../src/base/index.ts'
import { KeyPair } from '../../src/curve/index.ts'
import type { FrameStream } from '../../src/p2p/index.ts'
import { decodeServerFrame, encodeRequest, RPC_FRAME_CAPS } from '../../src/rpc/index.ts'
import { rawClient, rpcNode } from '../integration/rpc-hosts.ts'

const bridge = KeyPair.generate()

const answerOn = (stream: FrameStream) =>
  withDeadline('the answer', 5_000, async (signal) => {
    const bytes = await stream.read(signal)
    if (bytes === undefined) throw new Error('the stream ended without an answer')
    return decodeServerFrame(bytes)
  })

async function serves(stream: FrameStream): Promise<void> {
  await stream.write(encodeRequest(77, 'hello', new Uint8Array(0), 0))
  expect(await answerOn(stream)).toMatchObject({ kind: 'result', id: 77 })
}

/** How a stream ends, within a deadline, having said nothing but TOO_LARGE before. */
const endOf = (stream: FrameStream) =>
  withDeadline('the end of the stream', 5_000, async (signal) => {
    try {
      for (;;) {
        const bytes = await stream.read(signal)
        if (bytes === undefined) return 'ENDED'
        expect(decodeServerFrame(bytes)).toMatchObject({ kind: 'error', id: 0, error: { code: 'TOO_LARGE' } })
      }
    } catch (error) {
      return codeOf(error)
    }
  })

/** S2: a malformed frame panicked the handler; no answer came, and the connection was gone. */
describe('incident 19: malformed frame', () => {
  it.each([
    { frame: 'an empty frame', bytes: new Uint8Array(0), id: 0 },
    { frame: 'no protobuf', bytes: fromHex('ffffffff'), id: 0 },
    { frame: 'a truncated request', bytes: encodeRequest(3, 'hello', new Uint8Array(40), 0).slice(0, 12), id: 3 },
    { frame: 'a method that is not UTF-8', bytes: fromHex('0a0608031202c328'), id: 3 },
    { frame: 'params of another shape', bytes: encodeRequest(3, 'threshold.sign', fromHex('ffff'), 0), id: 3 },
  ])(
    'should be answered with a typed error within the deadline, on a connection that lives on: $frame',
    async ({ bytes, id }) => {
      await using node = await rpcNode([bridge.peerId])
      await using raw = await rawClient(bridge, node)
      const stream = await raw.open()
      await serves(stream)
      await stream.write(bytes)
      expect(await answerOn(stream)).toMatchObject({ kind: 'error', id, error: { code: 'BAD_REQUEST' } })
      await serves(stream)
      expect(raw.host.connections()).toHaveLength(1)
    },
  )

  it('should end only its own stream when a frame is too large to be read', async () => {
    await using node = await rpcNode([bridge.peerId])
    await using raw = await rawClient(bridge, node)
    const stream = await raw.open()
    const neighbour = await raw.open()
    await serves(neighbour)
    await stream.write(new Uint8Array(RPC_FRAME_CAPS.requestBytes + 1))
    expect(['ENDED', 'STREAM_RESET']).toContain(await endOf(stream))
    await serves(neighbour)
    expect(raw.host.connections()).toHaveLength(1)
    await serves(await raw.open())
  })
})
