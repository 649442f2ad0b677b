import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseConfig, renderConfig } from '../../../src/node/config/index.ts'
import { LISTS, ROOT, SECTIONS } from '../../../src/node/config/schema.ts'

const FILE = resolve(import.meta.dirname, '../../../config/signer.toml')
const SAMPLE = readFileSync(FILE, 'utf8')
const context = { methods: ['threshold.public_key', 'threshold.sign'] }

/** `section.key` of every line that sets a key, commented out or not. */
function keysOf(text: string): string[] {
  let section = ''
  return text.split('\n').flatMap((line) => {
    const header = /^(?:# )?\[+([a-z0-9_.]+)\]+$/.exec(line)
    if (header !== null) section = `${header[1]}.`
    const key = /^(?:# )?([a-z_]+) = /.exec(line)
    return key === null ? [] : [`${section}${key[1]}`]
  })
}

const TABLE = [
  ...Object.keys(ROOT),
  ...Object.entries({ ...SECTIONS, ...LISTS }).flatMap(([s, rows]) => Object.keys(rows).map((k) => `${s}.${k}`)),
].sort()

describe('config/signer.toml', () => {
  it('should be a valid config', () => {
    expect(parseConfig(SAMPLE, FILE, context).registry.quorum).toBe(2)
  })

  it('should hold every key of the table once, and no other', () => {
    expect(keysOf(SAMPLE).sort()).toEqual(TABLE)
  })

  it.each([
    ['policy "bridge"', /^(url|token_file) = .*$/gm, 'bridge'],
    // Each of the two policies refuses what only the other one reads.
    ['policy "http"', /^consent_(from|quorum) = .*$/gm, 'http'],
  ])('should stay valid with every commented-out key put in: %s', (_, ofOthers, policy) => {
    const all = SAMPLE.replace(/^# ([a-z_]+ = |\[\[)/gm, '$1')
    // The two ways to open a key exclude each other.
    const one = all
      .replace(/^(next_)?passphrase_file = .*$/gm, '')
      .replace(ofOthers, '')
      .replace(/^policy = .*$/m, `policy = "${policy}"`)
      // What only the reference's mode reads, and what that needs on mainnet.
      .replace('nonce_mode = "native"', 'nonce_mode = "reference"')
      .replace('reference_retired = false', 'reference_retired = true')
    // Whose asking counts is one of several bridges; the sample has one.
    const [other] = SAMPLE.match(/(?<=^# consent_from = .*, ")16Uiu2HA\w+/m) ?? []
    const bridges = `[[bridge]]\npeer_id = "${other}"\nmethods = ["threshold.sign"]\n`
    const config = parseConfig(`${one}\n${bridges}`, FILE, context)
    expect(config.identity.unlock.kind).toBe('identity')
    expect(config.identity.next?.unlock.kind).toBe('identity')
    expect(config.registry.bootstrap?.threshold).toBe(2)
    expect(config.admin.listen).toEqual({ host: '127.0.0.1', port: 9464 })
    expect(config.backups).toHaveLength(1)
  })

  it('should let no backup service in, as there is none to run yet, and say so', () => {
    expect(parseConfig(SAMPLE, FILE, context).backups).toEqual([])
    expect(SAMPLE).toMatch(/^# Backup services .* There is none to run yet/m)
  })

  it('should say the defaults that the table has', () => {
    const defaults = [...SAMPLE.matchAll(/Default: ("[^"]+")\.\n(?:# .*\n)*([a-z_]+) = (.*)/g)]
    expect(defaults.length).toBeGreaterThan(3)
    const bare = parseConfig(
      SAMPLE.replace(/^(poll_interval|max_age|on_stale|approval_ttl|level|data_dir|confirmations) = .*$/gm, ''),
      FILE,
      context,
    )
    // What a file says is not what it means: `settings` only holds what is written.
    expect({ ...bare, settings: undefined }).toEqual({ ...parseConfig(SAMPLE, FILE, context), settings: undefined })
    for (const [, said, key, value] of defaults) expect(value, key).toBe(said)
  })
})

describe('renderConfig', () => {
  const draft = {
    identity: {
      key_file: 'a "b" \\ c.key',
      public_key: '02007311430123d4cad97f4f7e86e023b28143130a18099ecf094d36fef0f6135c',
      identity_file: 'id.age',
    },
    registry: {
      network: 'devnet',
      chain_id: 0x80000000,
      contract: 'SN3R84XZYA63QS28932XQF3G1J8R9PC3W76P9CSQS.sbtc-registry',
      endpoints: ['http://127.0.0.1:1', 'http://127.0.0.1:2'],
      quorum: undefined,
    },
    p2p: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    bridge: [{ peer_id: '16Uiu2HAkuyB8ECXxACm8hzQj4vZ2iWrYMF3xcKNf1oJJ1NuQEMvQ', methods: ['threshold.sign'] }],
    backup: [{ peer_id: '16Uiu2HAm5hPxT7s3TA2f4b4YjAPzS7yLRSgdj87ysDZ6NAXMiRuY' }],
  }

  it('should be read back as it was meant', () => {
    const config = parseConfig(renderConfig(draft), '/x/signer.toml', context)
    expect(config.identity).toMatchObject({
      keyFile: '/x/a "b" \\ c.key',
      unlock: { kind: 'identity', file: '/x/id.age' },
    })
    expect(config.registry).toMatchObject({ quorum: 2, endpoints: draft.registry.endpoints })
    expect(config.bridges).toMatchObject([{ peerId: draft.bridge[0]?.peer_id, methods: ['threshold.sign'] }])
  })

  it('should show every key of the table, set or not', () => {
    expect(keysOf(renderConfig(draft)).sort()).toEqual(TABLE)
    expect(keysOf(renderConfig({ ...draft, bridge: [], backup: [] })).sort()).toEqual(TABLE)
  })

  it('should not let a value break out of its line', () => {
    const text = renderConfig({ ...draft, data_dir: 'x"\n[signing]\npolicy = "auto' })
    expect(parseConfig(text, '/x/signer.toml', context).signing.policy).toBe('bridge')
  })
})
