import type { Guard } from './guards.ts'

const unit = (file: string, name?: string): Guard['test'] => ({
  project: 'unit',
  file: `test/unit/rpc/${file}`,
  ...(name === undefined ? {} : { name }),
})

/** Whom a client talks to, and what it repeats: docs/CLIENT.md. */
export const CLIENT_GUARDS: readonly Guard[] = [
  {
    name: 'client: an address of a server that is not trusted is refused',
    file: 'src/rpc/client/address.ts',
    guard: '  if (stranger !== undefined)\n',
    gone: '  if (stranger === undefined && trusted.length > 99)\n',
    test: unit('servers.test.ts', 'none of the signers'),
  },
  {
    name: 'client: several servers are trusted only where they are listed',
    file: 'src/rpc/client/address.ts',
    guard: 'if (signers === undefined && named.length > 1)',
    gone: 'if (signers === undefined && named.length > 99)',
    test: unit('servers.test.ts', 'several servers'),
  },
  {
    name: 'client: R7: a key that was replaced is trusted no more',
    file: 'src/rpc/client/servers.ts',
    guard: '        this.#drop(signer)\n',
    gone: '',
    test: unit('failover.test.ts', 'under the key before'),
  },
  {
    name: 'client: R7: a next key that is taken back is trusted no more',
    file: 'src/rpc/client/servers.ts',
    guard: '.includes(before)) this.#drop(before)',
    gone: '.includes(before)) this.#announced.delete(before)',
    test: unit('servers.test.ts', 'announcement back'),
  },
  {
    name: 'client: one server takes nothing from another',
    file: 'src/rpc/client/servers.ts',
    guard: '.filter((s) => this.#next.get(s.peerId) === to)',
    gone: '.filter((s) => s.peerId !== to)',
    test: unit('servers.test.ts', 'speak for another'),
  },
  {
    name: 'client: a server that greets as another one is not used',
    file: 'src/rpc/client/reach.ts',
    guard: `      if (hello.peerId !== server) throw new RpcError('BAD_ANSWER')\n`,
    gone: '',
    test: unit('failover.test.ts', 'for another'),
  },
  {
    name: 'client: R27: what is not idempotent is not repeated at the next server',
    file: 'src/rpc/client/link.ts',
    guard: 'if (!method.idempotent || ',
    gone: 'if (',
    test: unit('failover.test.ts', 'R27'),
  },
  {
    name: 'client: a server that still answers is not doubted',
    file: 'src/rpc/client/session.ts',
    guard: ' && call.heardBefore === this.#heard)',
    gone: ')',
    test: unit('failover.test.ts', 'not even be asked'),
  },
  {
    name: 'client: a server that has died without a word is given up',
    file: 'src/rpc/client/session.ts',
    guard: ' && !this.#doubtful\n',
    gone: '\n',
    test: unit('failover.test.ts', 'left for the next one'),
  },
  {
    name: 'client: a refusal by one server is not the last word while others are only away',
    file: 'src/rpc/client/link.ts',
    guard: '          if (!error.isAnyAway) throw error.error\n',
    gone: '          if (error instanceof Error) throw error.error\n',
    test: unit('failover.test.ts', 'between its keys'),
  },
]
