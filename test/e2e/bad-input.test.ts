import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createTcpServer, type Server as TcpServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger } from '../../src/base/index.ts'
import { KeyPair } from '../../src/curve/index.ts'
import { type EmbeddedChain, multisigAddress, startChain } from '../../src/devnet/chain/index.ts'
import { countersign, temporaryFolder } from './countersign.ts'

const folder = temporaryFolder()
let chain: EmbeddedChain
let liar: Server
let squatter: TcpServer
let template = ''

beforeAll(async () => {
  const keys = [KeyPair.generate(), KeyPair.generate()].map((k) => k.publicKey).toSorted()
  chain = await startChain({
    deployerAddress: await multisigAddress(keys, 2),
    blockIntervalMs: 'manual',
    logger: silentLogger,
  })
  liar = createServer((_, res) => res.end('{"half":'))
  await new Promise<void>((done) => liar.listen(0, '127.0.0.1', done))
  squatter = createTcpServer()
  await new Promise<void>((done) => squatter.listen(0, '127.0.0.1', done))
  template = join(folder.dir, 'template')
  const { code } = await countersign(
    ...['init', '--json', '--dir', template, '--network', 'devnet', '--contract', chain.contract],
    ...['--endpoint', chain.url, '--listen', '/ip4/127.0.0.1/tcp/0'],
  ).finished
  expect(code).toBe(0)
})
afterAll(async () => {
  liar.closeAllConnections()
  liar.close()
  squatter.close()
  await chain.stop()
  folder.remove()
})

const portOf = (server: TcpServer): number => {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
const liarUrl = (): string => `http://127.0.0.1:${portOf(liar)}`

let made = 0
/** A working node's folder, spoilt in one way. */
function spoilt(spoil: (dir: string, config: (from: RegExp, to: string) => void) => void): string {
  const dir = join(folder.dir, `case-${made++}`)
  mkdirSync(dir, { mode: 0o700 })
  for (const name of ['signer.toml', 'signer.key', 'signer.passphrase'])
    copyFileSync(join(template, name), join(dir, name))
  for (const name of ['signer.key', 'signer.passphrase']) chmodSync(join(dir, name), 0o600)
  const file = join(dir, 'signer.toml')
  spoil(dir, (from, to) => {
    const text = readFileSync(file, 'utf8')
    expect(text).toMatch(from)
    writeFileSync(file, text.replace(from, to))
  })
  return dir
}

interface Case {
  readonly id: string
  readonly spoil: Parameters<typeof spoilt>[0]
  readonly says: readonly RegExp[]
  readonly exit: number
  /** The mistake shows only when the node stands on its key and store. */
  readonly late?: boolean
}

const other = KeyPair.generate()
const CASES: readonly Case[] = [
  {
    id: 'an unknown key',
    spoil: (_, config) => config(/^network = /m, 'netwrok = '),
    says: [/signer\.toml/, /\[registry\] netwrok/, /did you mean network/],
    exit: 78,
  },
  {
    id: 'a wrong unit',
    spoil: (_, config) => config(/^#? ?poll_interval = .*$/m, 'poll_interval = "10 parsecs"'),
    says: [/signer\.toml/, /poll_interval/],
    exit: 78,
  },
  {
    id: 'a world-readable key file',
    spoil: (dir) => chmodSync(join(dir, 'signer.key'), 0o644),
    says: [/signer\.key/, /chmod 600/],
    exit: 77,
  },
  {
    id: 'a missing key file',
    spoil: (_, config) => config(/^key_file = .*$/m, 'key_file = "elsewhere.key"'),
    says: [/elsewhere\.key/, /init/],
    exit: 66,
  },
  {
    id: 'a key file that is not the pinned key',
    spoil: (_, config) => config(/^public_key = .*$/m, `public_key = "${other.publicKey}"`),
    says: [/signer\.key/, new RegExp(other.publicKey)],
    exit: 78,
  },
  {
    id: 'an unreachable chain',
    spoil: (_, config) => config(/^endpoints = .*$/m, 'endpoints = ["http://127.0.0.1:1"]'),
    says: [/signer\.toml/, /\[registry\] endpoints/, /127\.0\.0\.1:1/],
    exit: 1,
  },
  {
    id: 'a malformed chain answer',
    spoil: (_, config) => config(/^endpoints = .*$/m, `endpoints = ["${liarUrl()}"]`),
    says: [/\[registry\] endpoints/, /Stacks node/],
    exit: 1,
  },
  {
    id: 'a wrong contract',
    spoil: (_, config) => config(/\.sbtc-registry"/, '.some-other-contract"'),
    says: [/some-other-contract/],
    exit: 1,
  },
  {
    id: 'a listen port that is taken',
    spoil: (_, config) => config(/^listen = \[[^\]]*\]$/m, `listen = ["/ip4/127.0.0.1/tcp/${portOf(squatter)}"]`),
    says: [/signer\.toml: \[p2p\] listen: /, /\/ip4\/127\.0\.0\.1\/tcp\/\d+: another program/],
    exit: 78,
    late: true,
  },
]

describe('countersign run with bad input', () => {
  it.each(CASES.map((c) => [c.id, c] as const))(
    'should say one clear sentence about %s, and leave everything as it was',
    async (_, c) => {
      const dir = spoilt(c.spoil)
      const { code, stdout, stderr } = await countersign('run', '--config', join(dir, 'signer.toml')).finished
      const complaint = stderr.split('\n').filter((line) => line.startsWith('countersign: '))
      expect(complaint, stderr).toHaveLength(1)
      for (const says of c.says) expect(complaint[0]).toMatch(says)
      expect(stderr).not.toMatch(/\n\s+at /)
      expect(stdout).toBe('')
      expect(code === 0 ? 'ok' : code, complaint[0]).toBe(c.exit)
      const shares = join(dir, 'data', 'shares')
      if (c.late) return expect(readdirSync(shares)).toEqual([])
      expect(existsSync(join(dir, 'data', 'store'))).toBe(false)
      expect(existsSync(shares)).toBe(false)
    },
  )

  it('should run with the folder it spoilt the others from', async () => {
    const dir = spoilt(() => {})
    const node = countersign('run', '--json', '--config', join(dir, 'signer.toml'))
    await node.line((l) => l.event === 'started')
    const { code } = await node.kill('SIGTERM')
    expect(code).toBe(0)
  })
})
