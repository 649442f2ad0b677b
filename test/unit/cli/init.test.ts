import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { fromHex, toHex } from '../../../src/base/index.ts'
import { EXIT } from '../../../src/cli/exit-codes.ts'
import { parsePublicKey } from '../../../src/curve/index.ts'
import { loadConfig } from '../../../src/node/config/index.ts'
import { METHOD_NAMES } from '../../../src/rpc/index.ts'
import { openSeed } from '../../../src/signer/index.ts'
import { openKeyFile, type Unlock, writeIdentityFile } from '../../../src/store/index.ts'
import { CONTRACT, cli, KEY_A, KEY_B, tempDir } from './harness.ts'

// Making a key needs no network.
vi.mock('../../../src/node/node.ts', () => ({ startNode: undefined }))

let temp: ReturnType<typeof tempDir>
let dir: string
beforeEach(() => {
  temp = tempDir()
  dir = join(temp.dir, 'signer')
})
afterEach(() => temp.remove())

const FLAGS = ['--network', 'devnet', '--contract', CONTRACT, '--endpoint', 'http://127.0.0.1:20443']
const init = (...more: readonly string[]) => cli(['init', '--dir', dir, ...FLAGS, ...more])
const mode = (file: string) => statSync(file).mode & 0o777

/** An age identity costs no scrypt. */
async function identityFile(): Promise<string> {
  const file = join(temp.dir, 'id.age')
  await writeIdentityFile(file)
  return file
}

// Each sealing and opening by passphrase is scrypt's whole cost, seconds of it on a machine with other work.
vi.setConfig({ testTimeout: 120_000 })

describe('countersign init', () => {
  it('should make a sealed key, an offline copy, a passphrase and a config that fit together', async () => {
    const { code, out, err } = await init()
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(readdirSync(dir).sort()).toEqual(['signer.key', 'signer.key.offline', 'signer.passphrase', 'signer.toml'])
    for (const name of readdirSync(dir)) expect(mode(join(dir, name)), name).toBe(0o600)
    expect(mode(dir)).toBe(0o700)

    const config = await loadConfig(join(dir, 'signer.toml'), { methods: METHOD_NAMES })
    const { keyPair } = await openKeyFile(config.identity.keyFile, config.identity.unlock, config.identity.publicKey)
    const copy = await openKeyFile(join(dir, 'signer.key.offline'), config.identity.unlock)
    expect(copy.keyPair.publicKey).toBe(keyPair.publicKey)
    expect(out).toContain(keyPair.publicKey)
    expect(out).toContain(keyPair.peerId)
    expect(out).toContain('countersign run --config')
  })

  it('should keep secrets out of everything it prints and out of the config', async () => {
    const human = await init()
    const passphrase = readFileSync(join(dir, 'signer.passphrase'), 'utf8').trim()
    expect(passphrase.length).toBeGreaterThan(20)
    for (const text of [human.out, human.err, readFileSync(join(dir, 'signer.toml'), 'utf8')])
      expect(text).not.toContain(passphrase)
  })

  it('should say the same as JSON', async () => {
    const ran = await init('--identity-file', await identityFile(), '--json')
    const { publicKey, peerId, keyFile, configFile, offlineCopy, unlock } = ran.json()
    expect(parsePublicKey(String(publicKey))).toBe(publicKey)
    expect(peerId).toMatch(/^16Uiu2HA/)
    expect([keyFile, configFile, offlineCopy]).toEqual(
      ['signer.key', 'signer.toml', 'signer.key.offline'].map((n) => join(dir, n)),
    )
    expect(unlock).toEqual({ kind: 'identity', file: join(temp.dir, 'id.age') })
    expect(existsSync(join(dir, 'signer.passphrase'))).toBe(false)
  })

  it('should seal with the passphrase of a given file, and leave that file alone', async () => {
    const file = join(temp.dir, 'pass')
    writeFileSync(file, 'correct horse battery staple\n', { mode: 0o600 })
    expect((await init('--passphrase-file', file)).code).toBe(0)
    expect(existsSync(join(dir, 'signer.passphrase'))).toBe(false)
    const config = await loadConfig(join(dir, 'signer.toml'), { methods: METHOD_NAMES })
    expect(config.identity.unlock).toEqual({ kind: 'passphrase', file })
    await openKeyFile(config.identity.keyFile, config.identity.unlock, config.identity.publicKey)
  })

  it('should put every flag into the config', async () => {
    const peer = '16Uiu2HAkuyB8ECXxACm8hzQj4vZ2iWrYMF3xcKNf1oJJ1NuQEMvQ'
    const ran = await init(
      ...['--identity-file', await identityFile(), '--offline-copy', join(temp.dir, 'usb', 'copy.key')],
      ...['--endpoint', 'http://127.0.0.1:20444', '--quorum', '2', '--chain-id', '12'],
      ...['--listen', '/ip4/127.0.0.1/tcp/4701', '--announce', '/dns4/a.example/tcp/1'],
      ...[
        '--seed',
        `/ip4/127.0.0.1/tcp/4702/p2p/${peer}`,
        '--bridge',
        '16Uiu2HAm46BSFWYYWzMjhTRDRwXHpDWpQ32iu93nzDwd1F4Tt256',
      ],
      ...['--bootstrap-signer', KEY_A, '--bootstrap-signer', KEY_B, '--bootstrap-threshold', '2'],
    )
    expect(ran.err).toBe('')
    expect(existsSync(join(temp.dir, 'usb', 'copy.key'))).toBe(true)
    expect(await loadConfig(join(dir, 'signer.toml'), { methods: METHOD_NAMES })).toMatchObject({
      registry: {
        id: { network: 'devnet', chainId: 12, contract: CONTRACT },
        endpoints: ['http://127.0.0.1:20443', 'http://127.0.0.1:20444'],
        quorum: 2,
        bootstrap: { keys: [KEY_A, KEY_B], threshold: 2 },
      },
      p2p: {
        listen: ['/ip4/127.0.0.1/tcp/4701'],
        announce: ['/dns4/a.example/tcp/1'],
        transports: ['tcp'],
        seeds: [{ peerId: peer }],
      },
      bridges: [{ methods: ['threshold.public_key', 'threshold.sign'] }],
    })
  })

  it("should know mainnet's chain id and registry", async () => {
    const flags = ['--endpoint', 'http://a.example', '--endpoint', 'http://b.example']
    const ran = await cli(['init', '--dir', dir, ...flags, '--identity-file', await identityFile()])
    expect(ran.err).toBe('')
    const { registry } = await loadConfig(join(dir, 'signer.toml'), { methods: METHOD_NAMES })
    expect(registry).toMatchObject({ quorum: 2, id: { network: 'mainnet', chainId: 1 } })
  })

  it.each([
    ['a config', 'signer.toml'],
    ['a key', 'signer.key'],
    ['an offline copy', 'signer.key.offline'],
    ['a passphrase', 'signer.passphrase'],
  ])('should never overwrite %s, and make nothing beside it', async (_what, name) => {
    const first = await init('--identity-file', await identityFile())
    expect(first.code).toBe(0)
    for (const other of readdirSync(dir)) if (other !== name) (await import('node:fs')).rmSync(join(dir, other))
    writeFileSync(join(dir, name), 'precious', { mode: 0o600 })
    const { code, err } = await init()
    expect(code).toBe(EXIT.failure)
    expect(err).toMatch(new RegExp(`${name} exists already`))
    expect(readFileSync(join(dir, name), 'utf8')).toBe('precious')
    expect(readdirSync(dir)).toEqual([name])
  })

  it.each<readonly [string, readonly string[], RegExp]>([
    ['a wrong endpoint', ['--endpoint', 'nowhere'], /\[registry\] endpoints\[1\] must be an address/],
    ['a wrong contract', ['--contract', 'x.y'], /\[registry\] contract/],
    ['a wrong multiaddr', ['--listen', '0.0.0.0:1'], /\[p2p\] listen\[0\]/],
    ['a seed with half a PeerID', ['--seed', '/ip4/1.2.3.4/tcp/1/p2p/x'], /PeerID/],
    ['a bad bridge', ['--bridge', 'x'], /\[\[bridge\]\] peer_id/],
    ['too small a quorum', ['--endpoint', 'http://b', '--quorum', '1'], /more than half/],
    [
      'too high a bootstrap threshold',
      ['--bootstrap-signer', KEY_A, '--bootstrap-signer', KEY_B, '--bootstrap-threshold', '3'],
      /only 2 keys/,
    ],
    ["mainnet's chain id", ['--chain-id', '1'], /don't fit/],
    ['a chain id that is no number', ['--chain-id', 'x'], /--chain-id must be a whole number/],
    ['two files to seal with', ['--passphrase-file', 'a', '--identity-file', 'b'], /not both/],
  ])('should refuse %s and make nothing', async (_what, flags, words) => {
    const { code, out, err } = await init(...flags)
    expect({ code, out }).toEqual({ code: EXIT.usage, out: '' })
    expect(err).toMatch(words)
    expect(existsSync(dir)).toBe(false)
  })

  it.each([
    ['--endpoint', ['--network', 'devnet', '--contract', CONTRACT]],
    ['--contract', ['--network', 'devnet', '--endpoint', 'http://a']],
  ])('should name the missing %s', async (flag, flags) => {
    const { code, err } = await cli(['init', '--dir', dir, ...flags])
    expect(code).toBe(EXIT.usage)
    expect(err).toContain(`${flag} is missing`)
    expect(existsSync(dir)).toBe(false)
  })

  it('should refuse a missing passphrase file and make nothing', async () => {
    const { code, err } = await init('--passphrase-file', join(temp.dir, 'none'))
    expect(code).toBe(EXIT.missingInput)
    expect(err).toContain(join(temp.dir, 'none'))
    expect(existsSync(dir)).toBe(false)
  })

  it('should refuse a passphrase file that others can read, and make nothing', async () => {
    const file = join(temp.dir, 'pass')
    writeFileSync(file, 'secret')
    chmodSync(file, 0o644)
    const { code, err } = await init('--passphrase-file', file)
    expect(code).toBe(EXIT.permission)
    expect(err).toMatch(/chmod 600/)
    expect(err).not.toContain('secret')
    expect(existsSync(dir)).toBe(false)
  })
})

describe('countersign init with a secret-service seed', () => {
  const SEED = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'
  const rawSeed = (hex = SEED, mode = 0o600): string => {
    const file = join(temp.dir, 'seed')
    writeFileSync(file, fromHex(hex))
    chmodSync(file, mode)
    return file
  }
  const s2Of = async () => (await loadConfig(join(dir, 'signer.toml'), { methods: METHOD_NAMES })).s2
  const instance = () => JSON.parse(readFileSync(join(dir, 's2.instance'), 'utf8'))

  it('should make one with its offline copy, pin it in the config, and give it an instance file', async () => {
    const { code, out } = await init('--s2', '--identity-file', await identityFile())
    expect(code).toBe(0)
    expect(readdirSync(dir).sort()).toEqual([
      ...['s2.instance', 's2.seed', 's2.seed.offline', 'signer.key', 'signer.key.offline', 'signer.toml'],
    ])
    for (const name of readdirSync(dir)) expect(mode(join(dir, name)), name).toBe(0o600)
    const s2 = await s2Of()
    expect(out).toContain(s2?.publicKey)
    await openSeed(s2?.seedFile ?? '', s2?.unlock as Unlock, s2?.publicKey ?? '')
    await openSeed(join(dir, 's2.seed.offline'), s2?.unlock as Unlock, s2?.publicKey ?? '')
    expect(instance()).toMatchObject({ fresh: true })
  })

  it('R32: should take a seed from a file, and not for an unused one unless that is said', async () => {
    const { out } = await init(
      '--s2-seed-file',
      rawSeed(),
      '--identity-file',
      await identityFile(),
      '--s2-nonce-mode',
      'reference',
    )
    expect(await s2Of()).toMatchObject({ nonceMode: 'reference' })
    expect(instance()).toMatchObject({ fresh: false })
    expect(out).toContain('countersign s2 accept --instance NAME')
    expect(out).toContain(`Erase ${join(temp.dir, 'seed')} (and its copies): it is the seed, unsealed.`)
    const s2 = await s2Of()
    const { seed } = await openSeed(s2?.seedFile ?? '', s2?.unlock as Unlock, s2?.publicKey ?? '')
    expect(toHex(seed)).toBe(SEED)
    for (const text of [out, readFileSync(join(dir, 'signer.toml'), 'utf8')]) expect(text).not.toContain(SEED)
  })

  it('should take it for unused where that is said', async () => {
    await init('--s2-seed-file', rawSeed(), '--s2-seed-unused', '--identity-file', await identityFile())
    expect(instance()).toMatchObject({ fresh: true })
  })

  it.each([
    ['a seed of 31 bytes', () => rawSeed(SEED.slice(2)), EXIT.config],
    ['a seed of 33 bytes', () => rawSeed(`${SEED}00`), EXIT.config],
    ['32 zero bytes', () => rawSeed('00'.repeat(32)), EXIT.config],
    ['a seed that others may read', () => rawSeed(SEED, 0o644), EXIT.permission],
    ['no file', () => join(temp.dir, 'none'), EXIT.missingInput],
  ])('should make nothing of %s', async (_, file, exit) => {
    expect((await init('--s2-seed-file', file(), '--identity-file', await identityFile())).code).toBe(exit)
    expect(existsSync(dir)).toBe(false)
  })

  it('should refuse what means nothing without a seed', async () => {
    expect((await init('--s2-nonce-mode', 'reference')).code).toBe(EXIT.usage)
    expect((await init('--s2-seed-unused')).code).toBe(EXIT.usage)
    expect(existsSync(dir)).toBe(false)
  })

  it('should make one for a node that is there already, print what to add, and leave the config alone', async () => {
    await init('--identity-file', await identityFile())
    const file = join(dir, 'signer.toml')
    const before = readFileSync(file, 'utf8')
    const ran = await cli(['s2', 'init', '--config', file, '--json'])
    expect(ran.code).toBe(0)
    const { section, publicKey } = ran.json()
    expect(ran.json()).not.toHaveProperty('rawFile')
    expect(readFileSync(file, 'utf8')).toBe(before)
    writeFileSync(file, before.replace(/^\[s2\]$/m, String(section)))
    expect(await s2Of()).toMatchObject({ publicKey, seedFile: join(dir, 's2.seed') })
    // Once only, and nothing is overwritten.
    expect((await cli(['s2', 'init', '--config', file])).code).toBe(EXIT.config)
    writeFileSync(file, before)
    expect((await cli(['s2', 'init', '--config', file])).err).toMatch(
      /exists already and is never overwritten: move it away/,
    )
  })

  it('should say that an imported seed is to be erased, for a node that is there already, too', async () => {
    await init('--identity-file', await identityFile())
    const { code, out } = await cli(['s2', 'init', '--config', join(dir, 'signer.toml'), '--seed-file', rawSeed()])
    expect(code).toBe(0)
    expect(out).toContain(`1. Erase ${join(temp.dir, 'seed')} (and its copies): it is the seed, unsealed.`)
    expect(out).not.toContain(SEED)
  })

  it('should not speak of erasing where the seed was made just now', async () => {
    expect((await init('--s2', '--identity-file', await identityFile())).out).not.toContain('Erase')
  })
})
