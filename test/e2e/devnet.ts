import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Client, connect } from '../../src/rpc/client/index.ts'
import { openKeyFile, unlockBeside } from '../../src/store/index.ts'
import { type Countersign, countersign, temporaryFolder } from './countersign.ts'

export interface Description {
  readonly chainUrl: string
  readonly contract: string
  readonly network: string
  readonly groupKey: string
  readonly signers: readonly {
    readonly name: string
    readonly publicKey: string
    readonly peerId: string
    readonly pid: number
    readonly addresses: readonly string[]
    readonly configFile: string
    readonly adminUrl: string
  }[]
  readonly bridge: { readonly peerId: string; readonly keyFile: string }
}

/** A devnet that runs until it is stopped, as the README starts it. */
export interface RunningDevnet {
  readonly process: Countersign
  readonly dir: string
  readonly description: Description
  /** A client with the devnet's bridge key, connected to one signer. */
  bridge(signer: number): Promise<Client>
  stop(): Promise<number | null>
}

export async function startDevnet(...args: readonly string[]): Promise<RunningDevnet> {
  const { dir, remove } = temporaryFolder()
  const process = countersign('devnet', '--json', '--dir', dir, ...args)
  await process.line((l) => l.event === 'ready')
  const description: Description = JSON.parse(readFileSync(join(dir, 'devnet.json'), 'utf8'))
  const { keyFile } = description.bridge
  const { keyPair } = await openKeyFile(keyFile, unlockBeside(keyFile))
  return {
    process,
    dir,
    description,
    bridge: (signer) => connect({ addresses: description.signers[signer]?.addresses ?? [], key: keyPair }),
    stop: async () => {
      const { code } = await process.kill('SIGINT')
      remove()
      return code
    },
  }
}
