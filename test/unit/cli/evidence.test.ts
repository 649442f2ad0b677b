import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { asSetHash, type PublicKey } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { sealEnvelope } from '../../../src/p2p/envelope.ts'
import { topicName } from '../../../src/p2p/index.ts'
import { type EvidenceRecord, entryOf, entryText, topicOf } from '../../../src/rounds/index.ts'
import { EVIDENCE_CHAIN, openChainedJournal } from '../../../src/store/index.ts'
import { cli, tempDir } from './harness.ts'

const made: (() => void)[] = []
afterEach(() => {
  for (const remove of made.splice(0)) remove()
})
const keys = Array.from({ length: 3 }, () => KeyPair.generate())
const writer = keys[0] as KeyPair

/** Two opens of one member in one attempt of a keygen. */
function equivocation(guilty: KeyPair, attempt: number): EvidenceRecord {
  const bare: EvidenceRecord = {
    network: 'devnet',
    contract: 'SN1.registry',
    scope: {
      kind: 'pending',
      parentSetHash: asSetHash('0a'.repeat(32)),
      keys: keys.map((k) => k.publicKey).toSorted(),
      threshold: 2,
      attempt: 1,
    },
    code: 'equivocation',
    guilty: guilty.publicKey,
    wires: [],
  }
  const topic = topicOf(bare)
  const fields = { round: topic.scope, attempt, step: 'open', boot: 1, expiresAtMs: 1 }
  const wires = [1, 2].map((n) =>
    sealEnvelope(guilty, topicName(topic), { ...fields, payload: Uint8Array.of(n), counter: n }),
  )
  return { ...bare, wires }
}
const textOf = (attempt: number): string => {
  const entry = entryOf(equivocation(keys[1] as KeyPair, attempt), 'found', 1_700_000_000_000)
  if (typeof entry === 'string') throw new Error(entry)
  return entryText(entry)
}
const idOf = (text: string): string => (JSON.parse(text) as { id: string }).id

async function fileWith(...payloads: readonly string[]): Promise<string> {
  const { dir, remove } = tempDir()
  made.push(remove)
  const path = join(dir, 'evidence.jsonl')
  const { journal } = await openChainedJournal({ path, chain: EVIDENCE_CHAIN, signer: writer })
  for (const payload of payloads) await journal.append(payload)
  await journal.close()
  return path
}

describe('countersign evidence', () => {
  it('should list, show and export what a file holds', async () => {
    const texts = [textOf(1), textOf(2)]
    const file = await fileWith(...texts)
    const listed = await cli(['evidence', 'list', '--file', file])
    expect(listed.out.split('\n').filter((line) => line.includes('equivocation'))).toHaveLength(2)
    expect((await cli(['evidence', 'list', '--file', file, '--json'])).json()).toMatchObject({
      records: [{ attempt: 1, guilty: keys[1]?.publicKey as PublicKey }, { attempt: 2 }],
    })
    const id = idOf(texts[1] ?? '')
    const shown = await cli(['evidence', 'show', id.slice(0, 12), '--file', file])
    expect(shown.out).toContain('proven')
    expect(shown.out).toContain(keys[1]?.publicKey)
    const exported = await cli(['evidence', 'export', id, '--file', file])
    expect(exported.out).toBe(`${texts[1]}\n`)
  })
  it('should verify a file, and one exported record, with no node', async () => {
    const file = await fileWith(textOf(1), textOf(2))
    const ran = await cli(['evidence', 'verify', file, '--json'])
    expect(ran.code).toBe(0)
    expect(ran.json()).toMatchObject({
      ok: true,
      chain: { writers: [writer.publicKey], torn: false },
      records: [{ judgement: 'proven' }, { judgement: 'proven' }],
    })
    const single = join(file, '..', 'one.json')
    writeFileSync(single, `${textOf(3)}\n`)
    expect((await cli(['evidence', 'verify', single])).code).toBe(0)
    expect((await cli(['evidence', 'verify', await fileWith()])).out).toContain('everything holds')
  })
  it('should end with 1 and name the record where the chain is broken', async () => {
    const file = await fileWith(textOf(1), textOf(2), textOf(3))
    const lines = readFileSync(file, 'utf8').split('\n')
    writeFileSync(file, lines.filter((_, i) => i !== 2).join('\n'))
    const ran = await cli(['evidence', 'verify', file])
    expect(ran.code).toBe(1)
    expect(ran.err).toContain('record 2')
  })
  it('should end with 1 where a whole chain holds a record that proves nothing, or something else than it says', async () => {
    const other = JSON.parse(textOf(1)) as Record<string, unknown>
    const fakes = [
      { ...other, guilty: keys[2]?.publicKey },
      { ...other, code: 'bad_share' },
      { ...other, attempt: 9 },
      { ...other, id: 'ab'.repeat(32) },
      { ...other, record: 'AAAA' },
      { ...other, extra: 1 },
      { nothing: true },
    ]
    for (const fake of fakes) {
      const ran = await cli(['evidence', 'verify', await fileWith(textOf(2), JSON.stringify(fake)), '--json'])
      const ok = 'extra' in fake
      // What a summary holds beside its fields is not read; everything that is read must follow from the record.
      expect(ran.code, JSON.stringify(fake).slice(0, 40)).toBe(ok ? 0 : 1)
    }
  })
  it('should say that a last record was cut off, and judge the rest', async () => {
    const file = await fileWith(textOf(1))
    appendFileSync(file, '{"seq":2')
    const ran = await cli(['evidence', 'verify', file])
    expect(ran.code).toBe(0)
    expect(ran.out).toContain('cut off')
  })
  it('should name network and contract, and call what an exported record does not sign a claim', async () => {
    const file = await fileWith(textOf(1))
    const whole = await cli(['evidence', 'verify', file])
    expect(whole.out).toMatch(/^network +devnet · SN1\.registry$/m)
    expect(whole.out).not.toContain('claim')
    expect((await cli(['evidence', 'verify', file, '--json'])).json()).toMatchObject({
      unsigned: [],
      records: [{ network: 'devnet', contract: 'SN1.registry' }],
    })
    const single = join(file, '..', 'one.json')
    writeFileSync(single, `${textOf(3)}\n`)
    const alone = await cli(['evidence', 'verify', single])
    expect(alone.out).toMatch(/^network +devnet · SN1\.registry$/m)
    expect(alone.out).toContain('claimed 2023-11-14T22:13:20.000Z')
    expect((await cli(['evidence', 'verify', single, '--json'])).json()).toMatchObject({ unsigned: ['atMs', 'source'] })
    expect((await cli(['evidence', 'show', idOf(textOf(3)), '--file', single])).out).toContain('claimed (unsigned)')
  })
  it('should not stumble over a claimed time that no calendar has', async () => {
    const file = await fileWith()
    const single = join(file, '..', 'one.json')
    writeFileSync(single, JSON.stringify({ ...JSON.parse(textOf(3)), atMs: Number.MAX_SAFE_INTEGER }))
    expect((await cli(['evidence', 'verify', single])).code).toBe(0)
  })
  it('should tell a reader what to do with a file that is broken or is none, and nothing that only a node can do', async () => {
    const file = await fileWith(textOf(1), textOf(2))
    const readme = join(file, '..', 'README.md')
    writeFileSync(readme, '# Countersign\n')
    const none = await cli(['evidence', 'verify', readme])
    expect(none).toMatchObject({ code: 1 })
    expect(none.err).toContain('is no evidence file (record 0 is no record): name evidence.jsonl of a node')
    const [head, , last] = readFileSync(file, 'utf8').split('\n')
    writeFileSync(file, `${head}\n${last}\n`)
    const broken = await cli(['evidence', 'verify', file])
    expect(broken.err).toContain('record 1 says that it is record 2; the chain is broken there')
    for (const { err } of [none, broken]) expect(err).not.toMatch(/move|the node/)
  })
  it.each([
    [['verify'], 'name an evidence file, or one exported record'],
    [['list', '--file'], 'name another with --file'],
    [['show', 'ab', '--file'], 'name another with --file'],
    [['export', 'ab', '--file'], 'name another with --file'],
  ])('should end %j of a file that is not there with 66 and a way out of its own', async (words, remedy) => {
    const path = join(await fileWith(), '..', 'none')
    const ran = await cli(['evidence', ...words, path])
    expect(ran).toMatchObject({ code: 66, out: '' })
    expect(ran.err).toBe(
      `countersign: there is no file ${path}: ${remedy}${words[0] === 'verify' ? '' : ', or start the node, which begins it'}\n`,
    )
  })
  it('should refuse what is no evidence file, and ids that name no one record', async () => {
    const file = await fileWith(textOf(1), textOf(2))
    const empty = join(file, '..', 'empty')
    writeFileSync(empty, '')
    for (const path of [empty, join(file, '..', 'none')])
      expect((await cli(['evidence', 'verify', path])).code).not.toBe(0)
    writeFileSync(empty, 'hello\n')
    expect((await cli(['evidence', 'verify', empty])).code).toBe(1)
    for (const id of ['zz', '']) expect((await cli(['evidence', 'show', id, '--file', file])).code).toBe(64)
  })
})
