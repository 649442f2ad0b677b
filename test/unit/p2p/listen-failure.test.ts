import { describe, expect, it } from 'vitest'
import { addressesNotListenedAt } from '../../../src/p2p/index.ts'

const LISTEN = ['/ip4/127.0.0.1/tcp/4700', '/ip4/127.0.0.1/tcp/47', '/ip4/127.0.0.1/udp/4700/quic-v1']

function libp2pError(name: string, message: string): Error {
  const error = new Error(message)
  error.name = name
  return error
}

describe('addresses that could not be listened at', () => {
  it('should be those that libp2p lists', () => {
    const message = `Some configured addresses failed:\n\n  ${LISTEN[0]}: Error: listen EADDRINUSE\n\n  ${LISTEN[2]}: Error`
    const error = libp2pError('UnsupportedListenAddressesError', message)
    expect(addressesNotListenedAt(error, LISTEN)).toEqual([LISTEN[0], LISTEN[2]])
  })

  it('should be all if libp2p lists none of ours', () => {
    expect(addressesNotListenedAt(libp2pError('UnsupportedListenAddressesError', 'no'), LISTEN)).toEqual(LISTEN)
    expect(addressesNotListenedAt(Object.assign(new Error('x'), { code: 'EADDRINUSE' }), LISTEN)).toEqual(LISTEN)
  })

  it.each([
    ['another error', new Error(`${LISTEN[0]}: broken`)],
    ['no error', LISTEN[0]],
  ])('should be none for %s', (_what, error) => {
    expect(addressesNotListenedAt(error, LISTEN)).toBeUndefined()
  })
})
