/**
 * The addresses of `listen` that libp2p could not listen at, if that is why a host did not start; else undefined. libp2p
 * reports them as one error whose text lists them; where it lists none of ours, all are meant.
 */
export function addressesNotListenedAt(error: unknown, listen: readonly string[]): readonly string[] | undefined {
  if (!(error instanceof Error)) return undefined
  const inUse = 'code' in error && error.code === 'EADDRINUSE'
  if (!inUse && error.name !== 'UnsupportedListenAddressesError') return undefined
  const named = listen.filter((address) => error.message.includes(`${address}: `))
  return named.length === 0 ? listen : named
}
