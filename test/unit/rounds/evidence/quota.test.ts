import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { asSetHash, LIMITS, noMetrics, u32be } from '../../../../src/base/index.ts'
import { KeyPair, sha256 } from '../../../../src/curve/index.ts'
import { sealEnvelope } from '../../../../src/p2p/envelope.ts'
import { topicName } from '../../../../src/p2p/index.ts'
import { EvidenceBook, type EvidenceRecord, encodeEvidence, topicOf } from '../../../../src/rounds/evidence/index.ts'
import { MAX_COMPLAINT_BYTES } from '../../../../src/rounds/keygen/codec.ts'
import { EVIDENCE_CHAIN, openChainedJournal } from '../../../../src/store/index.ts'
import { ManualClock, MemoryLogger } from '../../registry/support/ports.ts'

const PAIRS = Array.from({ length: 7 }, (_, i) => KeyPair.fromSecret(sha256(u32be(i + 1))))
const [OWN, FIRST, ...OTHERS] = PAIRS as [KeyPair, KeyPair, ...KeyPair[]]
/** As long as a message may be whose author is at fault for it. */
const LARGE = MAX_COMPLAINT_BYTES

const dirs: string[] = []
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})

/** Said in a pending set that nobody ever approved: whoever wants to be guilty needs nobody else for it. */
function fault(of: KeyPair, code: 'malformed' | 'equivocation', attempt: number, bytes: number): EvidenceRecord {
  const record: EvidenceRecord = {
    ...{ code, guilty: of.publicKey, network: 'simnet', contract: 'SN1.registry', wires: [] },
    scope: {
      ...{ kind: 'pending', parentSetHash: asSetHash('00'.repeat(32)), threshold: 2, attempt: 1 },
      keys: [of.publicKey, OWN.publicKey].toSorted(),
    },
  }
  const topic = topicOf(record)
  const wires = (code === 'malformed' ? [1] : [1, 2]).map((byte) => {
    const said = { round: topic.scope, attempt, step: 'complaint', payload: new Uint8Array(bytes).fill(byte) }
    return sealEnvelope(of, topicName(topic), { ...said, boot: 1, counter: byte, expiresAtMs: 1 })
  })
  return { ...record, wires }
}

async function evidence(dir = mkdtempSync(join(tmpdir(), 'countersign-test-'))) {
  dirs.push(dir)
  const chain = { path: join(dir, 'evidence.jsonl'), chain: EVIDENCE_CHAIN, signer: OWN }
  const { journal, records } = await openChainedJournal(chain)
  const logger = new MemoryLogger()
  const book = new EvidenceBook({
    ...{ own: [OWN.publicKey], isMember: () => true, journal, kept: records.map((r) => r.payload) },
    ...{ clock: new ManualClock(), logger, metrics: noMetrics },
  })
  const tell = async (...of: Parameters<typeof fault>) => {
    const before = book.list().length
    await book.heard(encodeEvidence(fault(...of)))
    return book.list().length > before
  }
  return { book, journal, logger, dir, tell }
}

describe('R26: the evidence of one member', () => {
  it('should take no more bytes than its part of the file: colluders can’t keep out the proof against another', async () => {
    const { book, journal, tell } = await evidence()
    for (const [i, colluder] of [FIRST, ...OTHERS.slice(0, 4)].entries()) {
      for (let n = 0; n < 6; n++) {
        await tell(colluder, 'malformed', n, LARGE)
        await tell(colluder, 'equivocation', 100 + n, LARGE / 3)
      }
      expect(journal.sizeBytes()).toBeLessThan((i + 1) * (LIMITS.maxMemberEvidenceBytes + 1_024))
    }
    expect(journal.sizeBytes()).toBeGreaterThan(5 * (LIMITS.maxMemberEvidenceBytes / 2))
    await book.found(fault(OTHERS[4] as KeyPair, 'equivocation', 1, 10))
    expect(book.list().at(-1)?.guilty).toBe(OTHERS[4]?.publicKey)
    expect(book.view().failure).toBeNull()
    await journal.close()
  })

  it('should be half of what can’t be read at the most, so that there is room for what it does beside', async () => {
    const { book, journal, tell } = await evidence()
    for (let n = 0; n < 4; n++) await tell(FIRST, 'malformed', n, LARGE)
    expect(book.list()).toHaveLength(1)
    expect(await tell(FIRST, 'equivocation', 1, 10)).toBe(true)
    const [, other] = [FIRST, OTHERS[0] as KeyPair]
    for (let n = 0; n < LIMITS.maxEvidencePerMember; n++) await tell(other, 'malformed', n, 10)
    expect(book.list().filter((e) => e.guilty === other.publicKey)).toHaveLength(LIMITS.maxEvidencePerMember / 2)
    expect(await tell(other, 'equivocation', 1, 10)).toBe(true)
    await journal.close()
  })

  it('should count what a former process kept', async () => {
    const before = await evidence()
    for (let n = 0; n < 4; n++) await before.tell(FIRST, 'malformed', n, LARGE)
    await before.journal.close()
    const { book, journal, tell } = await evidence(before.dir)
    expect(await tell(FIRST, 'malformed', 9, LARGE)).toBe(false)
    expect(book.list()).toHaveLength(1)
    await journal.close()
  })

  it('should not even be judged once its places are full', async () => {
    const { book, journal, logger, tell } = await evidence()
    for (let n = 0; n < LIMITS.maxEvidencePerMember; n++) await tell(FIRST, 'equivocation', n, 10)
    const untrue = { ...fault(FIRST, 'equivocation', 1_000, 10), contract: 'SN2.other' }
    await book.found(untrue)
    expect(logger.lines.map((l) => l.message)).not.toContain('An accusation does not hold')
    await book.found({ ...untrue, guilty: (OTHERS[0] as KeyPair).publicKey })
    expect(logger.lines.map((l) => l.message)).toContain('An accusation does not hold')
    await journal.close()
  })
})
