import type { Stream, StreamMuxer } from '@libp2p/interface'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { yamux } from '@libp2p/yamux'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { lazyWindows } from '../../../src/p2p/lazy-windows.ts'

const muxers: StreamMuxer[] = []
afterEach(() => {
  for (const muxer of muxers.splice(0)) muxer.abort(new Error('the test is over'))
})

/** One stream over two real muxers: its near end, what comes out at the far one, and how often that wrote to its link. */
async function pair(make = lazyWindows(yamux())) {
  const [near, far] = multiaddrConnectionPair()
  const [a, b] = [near, far].map((link) => make({}).createStreamMuxer(link)) as [StreamMuxer, StreamMuxer]
  muxers.push(a, b)
  let bytes = 0
  const opened = new Promise<Stream>((resolve) => {
    b.addEventListener('stream', ({ detail }) => {
      detail.addEventListener('message', ({ data }) => {
        bytes += data.byteLength
      })
      resolve(detail)
    })
  })
  const stream = await a.createStream()
  stream.send(new Uint8Array(1))
  await opened
  await vi.waitFor(() => expect(bytes).toBe(1))
  const write = vi.spyOn(far, 'send')
  return { stream, write, received: () => bytes }
}

const said = async ({ stream, received }: Awaited<ReturnType<typeof pair>>, count: number, length: number) => {
  const before = received()
  for (let i = 0; i < count; i++) if (!stream.send(new Uint8Array(length))) await stream.onDrain()
  await vi.waitFor(() => expect(received() - before).toBe(count * length), { timeout: 20_000 })
}

describe('window updates', () => {
  it('should not be said for each small message', async () => {
    const of = await pair()
    await said(of, 50, 300)
    expect(of.write).not.toHaveBeenCalled()
  })

  it('should be what the library says for each, without this', async () => {
    const of = await pair(yamux())
    await said(of, 50, 300)
    expect(of.write.mock.calls.length).toBeGreaterThan(0)
  })

  it('should be said before the window is used up, however much is sent', async () => {
    const of = await pair()
    await said(of, 200, 40_000)
    expect(of.write).toHaveBeenCalled()
    await said(of, 3, 2_000_000)
  })
})
