import { describe, expect, it } from 'vitest'
import { CodedError } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { parseConfig } from '../../../src/node/config/index.ts'
import { configText } from './config-text.ts'

const FILE = '/etc/countersign/signer.toml'
const SELF = KeyPair.generate().publicKey
const PIN = 'ac407ba319846e25d69c1c0cb2a845ab75ef93ad2e9e846cdc5cf6da766e00b2'
const SEED = { seed_file: '"s2.seed"', public_key: `"${PIN}"` }

type Keys = Readonly<Record<string, string>>
const textOf = (keys: Keys): string =>
  configText(SELF, {
    head: 'data_dir = "state/data"',
    tail: `[s2]\n${Object.entries(keys)
      .map(([key, value]) => `${key} = ${value}`)
      .join('\n')}`,
  })
/** The same on mainnet, with what that needs. */
const onMainnet = (text: string) =>
  text
    .replace('"testnet"', '"mainnet"')
    .replace('2147483648', '1')
    .replace(/ST0+2AMW42H/, 'SP000000000000000000002Q6VF78')
    .replace('["http://127.0.0.1:20443"]', '["http://a.example", "http://b.example"]')
const parse = (text: string) => parseConfig(text, FILE, { methods: [] }).s2

function refusal(text: string): CodedError {
  try {
    parse(text)
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
  throw new Error('the config was accepted')
}

describe('[s2]', () => {
  it('should be nothing where no seed is named', () => {
    expect(parse(configText(SELF))).toBeUndefined()
    expect(parse(textOf({ nonce_mode: '"native"' }))).toBeUndefined()
  })

  it('should be opened as the key file is, in native mode, with its instance file beside the config', () => {
    expect(parse(textOf(SEED))).toEqual({
      seedFile: '/etc/countersign/s2.seed',
      publicKey: PIN,
      unlock: { kind: 'passphrase', file: '/etc/countersign/pass' },
      nonceMode: 'native',
      referenceRetired: false,
      instanceFile: '/etc/countersign/s2.instance',
      journalFile: undefined,
      importedNoncesFile: undefined,
    })
  })

  it('should be as its keys say', () => {
    const keys = {
      ...SEED,
      identity_file: '"s2.age"',
      nonce_mode: '"reference"',
      instance_file: '"/run/s2.instance"',
      journal_file: '"/mnt/s2.journal"',
      imported_nonces_file: '"nonces.jsonl"',
    }
    expect(parse(textOf(keys))).toMatchObject({
      unlock: { kind: 'identity', file: '/etc/countersign/s2.age' },
      nonceMode: 'reference',
      instanceFile: '/run/s2.instance',
      journalFile: '/mnt/s2.journal',
      importedNoncesFile: '/etc/countersign/nonces.jsonl',
    })
  })

  it.each<readonly [string, Keys, string, RegExp]>([
    ['a pin without a seed', { public_key: `"${PIN}"` }, 's2.public_key', /without seed_file/],
    ['a journal without a seed', { journal_file: '"/mnt/j"' }, 's2.journal_file', /without seed_file/],
    ['a mode without a seed', { nonce_mode: '"reference"' }, 's2.nonce_mode', /without seed_file/],
    ['a seed that is not pinned: incident 20', { seed_file: '"s2.seed"' }, 's2.public_key', /wrong path/],
    ['a pin of 33 bytes', { ...SEED, public_key: `"02${PIN}"` }, 's2.public_key', /64 lower-case hex/],
    ['an unknown mode', { ...SEED, nonce_mode: '"refrence"' }, 's2.nonce_mode', /did you mean "reference"\?/],
    ['an unknown key', { ...SEED, sead_file: '"x"' }, 's2.sead_file', /did you mean seed_file\?/],
    [
      'two ways to open it',
      { ...SEED, passphrase_file: '"a"', identity_file: '"b"' },
      's2.identity_file',
      /one of them/,
    ],
    ['the key file as seed', { ...SEED, seed_file: '"signer.key"' }, 's2.seed_file', /something else here already/],
    [
      'the passphrase as journal',
      { ...SEED, journal_file: '"pass"' },
      's2.journal_file',
      /something else here already/,
    ],
    [
      'one file for two things',
      { ...SEED, instance_file: '"x"', journal_file: '"x"' },
      's2.journal_file',
      /something else/,
    ],
    [
      'R32: an instance file in the data folder',
      { ...SEED, instance_file: '"state/data/i"' },
      's2.instance_file',
      /inside data_dir/,
    ],
    [
      'R32: a journal in the data folder',
      { ...SEED, journal_file: '"state/data/a/j"' },
      's2.journal_file',
      /inside data_dir/,
    ],
    [
      'imported nonces in native mode',
      { ...SEED, imported_nonces_file: '"n"' },
      's2.imported_nonces_file',
      /"reference" only/,
    ],
  ])('should refuse %s', (_, keys, key, words) => {
    const error = refusal(textOf(keys))
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.data).toMatchObject({ key })
    expect(error.message).toMatch(words)
  })

  it('R32: should refuse a default instance file that lies in the data folder', () => {
    const text = textOf(SEED).replace('data_dir = "state/data"', 'data_dir = "."')
    expect(refusal(text).data).toMatchObject({ key: 's2.instance_file' })
  })

  it('R33: should refuse reference mode on mainnet until the service before is retired', () => {
    const keys = { ...SEED, nonce_mode: '"reference"' }
    expect(refusal(onMainnet(textOf(keys))).data).toMatchObject({ key: 's2.reference_retired' })
    expect(parse(onMainnet(textOf({ ...keys, reference_retired: 'true' })))?.referenceRetired).toBe(true)
    expect(parse(textOf(keys))?.nonceMode).toBe('reference')
    expect(parse(onMainnet(textOf(SEED)))?.nonceMode).toBe('native')
  })
})
