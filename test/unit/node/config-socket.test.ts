import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { findAdminSocket } from '../../../src/node/config/index.ts'
import { tempFolders } from '../store/temp-folder.ts'

const tempFolder = tempFolders()
let dir: string
let file: string
beforeEach(() => {
  dir = tempFolder()
  file = join(dir, 'signer.toml')
})
const found = (text: string): Promise<string> => {
  writeFileSync(file, text)
  return findAdminSocket(file)
}
const refusal = (text: string) =>
  found(text).then(
    (path) => `found ${path}`,
    (error: { code: string; message: string }) => `${error.code} ${error.message}`,
  )

describe('findAdminSocket', () => {
  it.each([
    ['nothing at all', '', 'data/admin.sock'],
    ['another data_dir', 'data_dir = "state"', 'state/admin.sock'],
    ['an absolute data_dir', 'data_dir = "/srv/signer"', '/srv/signer/admin.sock'],
    ['a socket of its own', 'data_dir = "state"\n[admin]\nsocket = "run/a.sock"', 'run/a.sock'],
    ['a socket beside a data_dir that is wrong', 'data_dir = 7\n[admin]\nsocket = "a.sock"', 'a.sock'],
    [
      'keys and sections that nobody knows',
      'dtaa = 1\n[amdin]\nx = 1\n[admin]\nlistne = 3\nsocket = "a.sock"',
      'a.sock',
    ],
    ['values of the wrong kind', '[identity]\npublic_key = 7\n[p2p]\nlisten = "x"\n[[bridge]]\n', 'data/admin.sock'],
    ['a section that is a value', 'registry = "x"\nbridge = 7', 'data/admin.sock'],
  ])('should find the socket in a file with %s', async (_what, text, path) => {
    expect(await found(text)).toBe(path.startsWith('/') ? path : join(dir, path))
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
    ['a path too long for a socket', `[admin]\nsocket = "/${'x'.repeat(100)}"`, /^ADMIN_SOCKET_PATH_TOO_LONG /],
  ])('should guess nothing from %s, and name the way out', async (_what, text, words) => {
    const said = await refusal(text)
    expect(said).toMatch(words)
    expect(said).toMatch(/; --socket PATH finds the running node without its config/)
  })

  it('should name the way out where there is no file, or none that can be read', async () => {
    await expect(findAdminSocket(file)).rejects.toMatchObject({
      code: 'CONFIG_MISSING',
      message: expect.stringMatching(/countersign init.*; --socket PATH/),
    })
    mkdirSync(file)
    await expect(findAdminSocket(file)).rejects.toMatchObject({
      code: 'CONFIG_UNREADABLE',
      message: expect.stringContaining('--socket PATH'),
    })
  })
})
