import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { type FoundNode, findNode } from '../../../src/node/config/index.ts'
import { tempFolders } from '../store/temp-folder.ts'

const KEY = '02007311430123d4cad97f4f7e86e023b28143130a18099ecf094d36fef0f6135c'
const NEXT = '031a4d9f4903da97498945a4e01a5023a1d53bc96ad670bfe03adf8a06c52e6380'

const tempFolder = tempFolders()
let dir: string
let file: string
beforeEach(() => {
  dir = tempFolder()
  file = join(dir, 'signer.toml')
})
const found = (text: string): Promise<FoundNode> => {
  writeFileSync(file, text)
  return findNode(file)
}
const refusal = (text: string) =>
  found(text).then(
    ({ socketPath }) => `found ${socketPath}`,
    (error: { code: string; message: string }) => `${error.code} ${error.message}`,
  )

describe('findNode', () => {
  it.each([
    ['sections only', '[identity]\n[admin]\nlisten = "127.0.0.1:1"', 'data/admin.sock'],
    ['another data_dir', 'data_dir = "state"', 'state/admin.sock'],
    ['an absolute data_dir', 'data_dir = "/srv/signer"', '/srv/signer/admin.sock'],
    ['a socket of its own', 'data_dir = "state"\n[admin]\nsocket = "run/a.sock"', 'run/a.sock'],
    ['a socket beside a data_dir that is wrong', 'data_dir = 7\n[admin]\nsocket = "a.sock"', 'a.sock'],
    [
      'keys and sections that nobody knows beside a socket that is named',
      'dtaa = 1\n[amdin]\nx = 1\n[admin]\nlistne = 3\nsocket = "a.sock"',
      'a.sock',
    ],
    ['values of the wrong kind', '[identity]\npublic_key = 7\n[p2p]\nlisten = "x"\n[[bridge]]\n', 'data/admin.sock'],
    ['keys elsewhere that nobody knows', '[registry]\nquorom = 2\n[[bridge]]\nxyz = 1', 'data/admin.sock'],
    ['a section that is a value', 'registry = "x"\nbridge = 7', 'data/admin.sock'],
  ])('should find the socket in a file with %s', async (_what, text, path) => {
    expect((await found(text)).socketPath).toBe(path.startsWith('/') ? path : join(dir, path))
  })

  it.each([
    [
      'no TOML',
      'data_dir = "state"\n[admin\nsocket = "a.sock"',
      /^CONFIG_INVALID .*signer\.toml: line 2, column \d+ is not/,
    ],
    ['a key twice', '[admin]\nsocket = "a.sock"\nsocket = "b.sock"', /^CONFIG_INVALID .*line 3/],
    ['a socket that is no path', '[admin]\nsocket = 7', /^CONFIG_INVALID .*\[admin\] socket must be a path/],
    ['an empty socket', '[admin]\nsocket = ""', /^CONFIG_INVALID .*\[admin\] socket must be a path/],
    ['a data_dir that is no path', 'data_dir = ["x"]', /^CONFIG_INVALID .*data_dir must be a path/],
    ['[admin] that is no section', 'admin = "admin.sock"', /^CONFIG_INVALID .*\[admin\] must be a section/],
    ['[[admin]]', '[[admin]]\nsocket = "a.sock"', /^CONFIG_INVALID .*\[admin\] must be a section/],
    ['an empty file', '\n# nothing\n', /^CONFIG_INVALID .*signer\.toml: {1,2}is empty: put the config back/],
    [
      'data_dir misspelled',
      'data-dir = "/b"',
      /^CONFIG_INVALID .*data-dir is not a known key: did you mean data_dir\?/,
    ],
    [
      'data_dir in a section',
      '[identity]\ndata_dir = "/b"',
      /^CONFIG_INVALID .*\[identity\] data_dir .*before the first/,
    ],
    [
      'data_dir in a section, misspelled',
      '[p2p]\ndatadir = "/b"',
      /^CONFIG_INVALID .*\[p2p\] datadir .*before the first/,
    ],
    ['data_dir in an inner section', '[p2p.nat]\ndata_dir = "/b"', /^CONFIG_INVALID .*\[p2p\.nat\] data_dir /],
    ['data_dir in a list', '[[bridge]]\n[[bridge]]\ndata_dir = "/b"', /^CONFIG_INVALID .*data_dir .*before the first/],
    ['data_dir in [admin]', '[admin]\ndata_dir = "/b"', /^CONFIG_INVALID .*\[admin\] data_dir is not a known key/],
    ['a misspelled socket', '[admin]\nsokcet = "b.sock"', /^CONFIG_INVALID .*\[admin\] sokcet .*did you mean socket\?/],
    ['a socket before the sections', 'socket = "b.sock"', /^CONFIG_INVALID .*socket is not a known key.*\[admin\]/],
    ['a socket in another section', '[log]\nsocket = "b.sock"', /^CONFIG_INVALID .*\[log\] socket .*under \[admin\]/],
    [
      '[Admin]',
      '[Admin]\nsocket = "b.sock"',
      /^CONFIG_INVALID .*\[Admin\] is not a known section: did you mean \[admin\]/,
    ],
    ['[p2p.admin]', '[p2p.admin]\nsocket = "b.sock"', /^CONFIG_INVALID .*\[p2p\] admin .*under \[admin\]/],
    ['[[node]]', '[[node]]\nsocket = "b.sock"', /^CONFIG_INVALID .*\[node\] is not a known section/],
    ['a path too long for a socket', `[admin]\nsocket = "/${'x'.repeat(100)}"`, /^ADMIN_SOCKET_PATH_TOO_LONG /],
  ])('should guess nothing from %s, and name the way out', async (_what, text, words) => {
    const said = await refusal(text)
    expect(said).toMatch(words)
    expect(said).toMatch(/; --socket PATH finds the running node without its config/)
  })

  it.each([
    ['its key', `public_key = "${KEY}"`, [KEY]],
    ['the key that it is to move to as well (R7)', `public_key = "${KEY}"\nnext_public_key = "${NEXT}"`, [KEY, NEXT]],
    ['nothing by a key that can not be read', `public_key = 7\nnext_public_key = "${NEXT}"`, []],
    ['nothing beside a next key that can not be read', `public_key = "${KEY}"\nnext_public_key = "02ff"`, []],
    ['nothing without a key', '', []],
  ])('should tell the node by %s', async (_what, identity, keys) => {
    expect((await found(`[identity]\n${identity}`)).publicKeys).toEqual(keys)
  })

  it('should name the way out where there is no file, or none that can be read', async () => {
    await expect(findNode(file)).rejects.toMatchObject({
      code: 'CONFIG_MISSING',
      message: expect.stringMatching(/countersign init.*; --socket PATH/),
    })
    mkdirSync(file)
    await expect(findNode(file)).rejects.toMatchObject({
      code: 'CONFIG_UNREADABLE',
      message: expect.stringContaining('--socket PATH'),
    })
  })
})
