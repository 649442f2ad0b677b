import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { toHex } from '../../../../src/base/index.ts'
import { codeThrownBy, tempFolders } from '../../store/temp-folder.ts'
import {
  ANSWER,
  aggNonceOf,
  freshRun,
  homeIn,
  messageOf,
  nonce,
  outpoint,
  paramsOf,
  partial,
  run,
  sighash,
} from './service-fixtures.ts'

const tempFolder = tempFolders()
const keys = paramsOf().orderedPublicKeys.map(toHex)
const tweak = { kind: 'key', merkle_root: null }
const bySighash = (n: number) => ({ ordered_pubkeys: keys, tweak, sighash: toHex(messageOf(n)) })
const byOutpoint = (n: number) => ({ ordered_pubkeys: keys, tweak, txid: toHex(messageOf(n)), vout: n })

function listIn(dir: string, lines: readonly unknown[]): string {
  mkdirSync(dir, { recursive: true })
  const path = join(dir, 'imported.jsonl')
  writeFileSync(path, lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''))
  return path
}

describe('R33: nonces that another service has shown', () => {
  it('should sign once, and be bound from then on', async () => {
    const home = homeIn(tempFolder())
    const importedNoncesFile = listIn(home.dir, [bySighash(1), byOutpoint(2)])
    const s = await freshRun(home, { mode: 'reference', importedNoncesFile })
    expect(await partial(s, sighash(1))).toMatch(ANSWER)
    expect(await partial(s, outpoint(2))).toMatch(ANSWER)
    expect(await partial(s, outpoint(2), aggNonceOf(1))).toBe('EQUIVOCATION')
    expect(await partial(s, sighash(3))).toBe('NONCE_NOT_ISSUED')
    await s.stop()
    // The list is brought again at each start, and takes nothing back.
    const after = await run(home, { mode: 'reference', importedNoncesFile })
    expect(await partial(after, sighash(1), aggNonceOf(1))).toBe('EQUIVOCATION')
    await after.stop()
  })

  it('should not be read in native mode, where no other service can have shown one', async () => {
    const home = homeIn(tempFolder())
    const s = await freshRun(home, { importedNoncesFile: listIn(home.dir, [bySighash(1)]) })
    expect(await partial(s, sighash(1))).toBe('NONCE_NOT_ISSUED')
    expect(await nonce(s, sighash(1))).toMatch(ANSWER)
    await s.stop()
  })

  it('should be refused by a store that can not prove what it remembers', async () => {
    const home = homeIn(tempFolder())
    const s = await run(home, { mode: 'reference', importedNoncesFile: listIn(home.dir, [bySighash(1)]) })
    expect(await partial(s, sighash(1))).toBe('STATE_LOST')
    await s.stop()
  })

  it.each<[string, unknown]>([
    ['no JSON', '{'],
    ['an empty line', ''],
    ['a list', []],
    ['null', null],
    ['no keys', { tweak, sighash: '00'.repeat(32) }],
    ['keys that are no hex', { ...bySighash(1), ordered_pubkeys: ['xx'] }],
    ['a key list without ours', { ...bySighash(1), ordered_pubkeys: keys.slice(1) }],
    ['no tweak', { ordered_pubkeys: keys, sighash: '00'.repeat(32) }],
    ['another tweak', { ...bySighash(1), tweak: { kind: 'none' } }],
    ['a tweak without root', { ...bySighash(1), tweak: { kind: 'key' } }],
    ['a short sighash', { ...bySighash(1), sighash: '00' }],
    ['a sighash and an outpoint', { ...bySighash(1), ...byOutpoint(1) }],
    ['a negative output', { ...byOutpoint(1), vout: -1 }],
    ['an output as text', { ...byOutpoint(1), vout: '1' }],
  ])('should be refused as a whole, naming the line, for %s', async (_, line) => {
    const home = homeIn(tempFolder())
    const importedNoncesFile = listIn(home.dir, [bySighash(1), line])
    const failed = freshRun(home, { mode: 'reference', importedNoncesFile })
    await expect(failed).rejects.toMatchObject({ code: 'S2_IMPORTED_NONCES_INVALID', data: { line: 2 } })
    const s = await run(home, { mode: 'reference' })
    expect(await partial(s, sighash(1))).toBe('NONCE_NOT_ISSUED')
    await s.stop()
  })

  it('should be refused where there is no such file', async () => {
    const home = homeIn(tempFolder())
    const importedNoncesFile = join(home.dir, 'none')
    expect(await codeThrownBy(freshRun(home, { mode: 'reference', importedNoncesFile }))).toBe('S2_JOURNAL_UNREADABLE')
  })
})
