import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger } from '../../src/base/index.ts'
import { KeyPair, parsePublicKey } from '../../src/curve/index.ts'
import { type EmbeddedChain, multisigAddress, startChain } from '../../src/devnet/chain/index.ts'
import type { NodeStatus } from '../../src/node/index.ts'
import { pretendSet } from '../integration/fixtures/pretend-set.ts'
import { type Countersign, countersign, temporaryFolder } from './countersign.ts'
import { statusOf } from './status.ts'

/** One operator's process, its config edited and its key removed while it runs. The other members need not run. */
const folder = temporaryFolder()
const others = [KeyPair.generate(), KeyPair.generate()].map((k) => k.publicKey)
const stranger = KeyPair.generate()
let chain: EmbeddedChain
let configFile: string
let text: string
let process: Countersign

beforeAll(async () => {
  chain = await startChain({
    deployerAddress: await multisigAddress(others.toSorted(), 2),
    blockIntervalMs: 1_000,
    logger: silentLogger,
  })
  const { stdout, code } = await countersign(
    ...['init', '--json', '--dir', join(folder.dir, 'ada'), '--network', 'devnet', '--endpoint', chain.url],
    ...['--contract', chain.contract, '--listen', '/ip4/127.0.0.1/tcp/0'],
  ).finished
  expect(code).toBe(0)
  const made = JSON.parse(stdout)
  configFile = made.configFile
  text = readFileSync(configFile, 'utf8')
    .replace(/^#? ?poll_interval = .*$/m, 'poll_interval = "1s"')
    .replace(/^#? ?exit_on_removal = .*$/m, 'exit_on_removal = true\nexit_on_removal_after = "1s"')
  writeFileSync(configFile, text)
  await pretendSet(chain, [parsePublicKey(made.publicKey), ...others], 2)
  process = countersign('run', '--json', '--config', configFile)
  await process.line((l) => l.event === 'started')
})
afterAll(async () => {
  await process?.kill('SIGKILL')
  await chain?.stop()
  folder.remove()
})

const status = (): Promise<NodeStatus> => statusOf(configFile)
const denying = (level = 'info') =>
  text
    .replace(/^#? ?deny = .*$/m, `deny = ["${stranger.publicKey}"]`)
    .replace(/^#? ?level = .*$/m, `level = "${level}"`)

describe('a running node', () => {
  it('should be a signer', async () => {
    await expect.poll(async () => (await status()).state, { timeout: 60_000 }).toBe('signer')
  })

  it('incident 42: should refuse `countersign reload` of a file that needs a restart, and name the key', async () => {
    writeFileSync(configFile, denying('debug'))
    const { code, stderr } = await countersign('reload', '--config', configFile).finished
    expect(code).toBe(78)
    expect(stderr).toMatch(/nothing was reloaded.*log\.level differs from what runs/)
  })

  it('should reload on SIGHUP and live', async () => {
    writeFileSync(configFile, denying())
    process.child.kill('SIGHUP')
    await expect
      .poll(async () => (await status()).lastReload, { timeout: 60_000 })
      .toMatchObject({ result: 'applied', changes: [{ key: 'p2p.deny', added: [stranger.peerId] }] })
    const { code, stdout } = await countersign('reload', '--config', configFile).finished
    expect(code).toBe(0)
    // Whichever came first, the watcher of the file or the signal.
    const [first, ...rest] = stdout.split('\n')
    expect(first).toMatch(/^the file says what runs already, applied \d+ s ago by (SIGHUP|file change):$/)
    expect(rest).toEqual(['p2p.deny', `  + ${stranger.peerId}`, ''])
  })

  it('should end by itself with a code of its own when its key leaves the set', async () => {
    await pretendSet(chain, others, 2)
    const { code, stdout, stderr } = await process.finished
    expect(code).toBe(80)
    expect(stderr).toMatch(/was removed from the signer set/)
    expect(stdout).toMatch(/OWN_KEY_REMOVED/)
  })

  it('should end with the same code when it is started again, and say what to do', async () => {
    const { code, stdout } = await countersign('run', '--json', '--config', configFile).finished
    expect(code).toBe(80)
    expect(stdout).toMatch(/OWN_KEY_REMOVED.*set that to false, start it, and approve/)
  })

  it('should wait as removed, and not end, where the operator does not want that', async () => {
    text = text.replace(/^exit_on_removal = .*$/m, 'exit_on_removal = false')
    writeFileSync(configFile, text)
    process = countersign('run', '--json', '--config', configFile)
    await process.line((l) => l.event === 'started')
    await expect.poll(async () => (await status()).state, { timeout: 60_000 }).toBe('removed')
  })

  it('R7: should not end again while an approval of a set with its key stands, also after a restart', async () => {
    const file = join(folder.dir, 'again.toml')
    const keys = [(await status()).publicKey, ...others]
    writeFileSync(file, `keys = ${JSON.stringify(keys)}\nthreshold = 2\n`)
    const args = ['rotation', 'approve', '--set', file, '--yes', '--config', configFile]
    expect(await countersign(...args).finished).toMatchObject({ code: 0 })
    expect((await status()).state).toBe('pending')
    expect((await process.kill('SIGTERM')).code).toBe(0)
    writeFileSync(configFile, text.replace(/^exit_on_removal = .*$/m, 'exit_on_removal = true'))
    process = countersign('run', '--json', '--config', configFile)
    await process.line((l) => l.event === 'started')
    await expect.poll(async () => (await status()).state, { timeout: 60_000 }).toBe('pending')
    // Some looks at whether it is out.
    const { lastReadAtMs } = (await status()).registry
    await expect
      .poll(async () => ((await status()).registry.lastReadAtMs ?? 0) - (lastReadAtMs ?? 0), { timeout: 60_000 })
      .toBeGreaterThan(2_500)
    expect(process.child.exitCode).toBeNull()
    expect((await process.kill('SIGTERM')).code).toBe(0)
  })
})
