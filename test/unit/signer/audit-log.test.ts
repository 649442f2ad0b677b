import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { AUDIT_JOURNAL, type AuditEntry, openAuditLog, parseAuditEntry } from '../../../src/signer/index.ts'
import { journalFilesIn, readJournalFile } from '../../../src/store/index.ts'
import { tempFolders } from '../store/temp-folder.ts'

const folder = tempFolders()
const signer = KeyPair.generate()
const open = (dir: string, maxFileBytes?: number) =>
  openAuditLog({ dir, signer, logger: silentLogger, ...(maxFileBytes === undefined ? {} : { maxFileBytes }) })
const ENTRY: AuditEntry = {
  atMs: 1_800_000_000_000,
  client: KeyPair.generate().peerId,
  method: 'musig2.get_our_partial_sig',
  key: 's2/musig2',
  items: 1,
  requestHash: '0'.repeat(64),
  outcome: 'ok',
  refusedItems: {},
}

describe('the audit log', () => {
  it('should hold each decision on a line of its own, as it was told', async () => {
    const dir = folder()
    const log = await open(dir)
    const batch = { ...ENTRY, items: 1_005, refusedItems: { EQUIVOCATION: 2 } }
    const unnamed = { ...ENTRY, key: undefined, outcome: 'NOT_GRANTED' }
    await Promise.all([log.append(ENTRY), log.append(batch), log.append(unnamed)])
    await log.close()
    const [path = ''] = await journalFilesIn(dir, AUDIT_JOURNAL)
    const { lines } = readJournalFile(AUDIT_JOURNAL, Uint8Array.from(readFileSync(path)), path)
    expect(lines.map((l) => parseAuditEntry(l.payload))).toEqual([undefined, ENTRY, batch, unnamed])
    expect(lines.at(-1)?.signedBy).toBe(signer.publicKey)
  })

  it('should refuse every decision once nothing can be written, and say why', async () => {
    const dir = folder()
    const log = await open(dir, 10)
    expect(log.view().failure).toBeNull()
    writeFileSync(join(dir, 'audit-00000002.jsonl'), '')
    await expect(log.append(ENTRY)).rejects.toThrow()
    await expect(log.append(ENTRY)).rejects.toThrow()
    expect(log.view().failure).toContain('audit-00000002')
  })

  it('should refuse every decision where its files are broken, and leave them as they are', async () => {
    const dir = folder()
    writeFileSync(join(dir, 'audit-00000001.jsonl'), 'no log\n', { mode: 0o600 })
    const log = await open(dir)
    await expect(log.append(ENTRY)).rejects.toThrow(/line 1/)
    expect(log.view()).toMatchObject({ journal: undefined, failure: expect.stringContaining('line 1') })
    expect(readdirSync(dir)).toEqual(['audit-00000001.jsonl'])
    await log.close()
  })

  it.each([
    'null',
    '[]',
    '7',
    '{',
    '{"atMs":1}',
    '{"atMs":"1","items":1,"client":"a","method":"b","requestHash":"","outcome":""}',
  ])('should not take %s for a decision', (payload) => expect(parseAuditEntry(payload)).toBeUndefined())
})
