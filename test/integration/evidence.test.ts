import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { noMetrics, type PublicKey, silentLogger, systemClock } from '../../src/base/index.ts'
import { runCli } from '../../src/cli/main.ts'
import { Gate } from '../../src/gating/index.ts'
import { createEvidence, type EvidenceParts, evidenceFile } from '../../src/node/evidence-parts.ts'
import { encodeKeygen } from '../../src/rounds/keygen/codec.ts'
import { SCOPE } from '../fixtures/sets.ts'
import { type Federation, openFederation, registryId } from '../unit/rounds/pending/federation.ts'

const undo: (() => void)[] = []
afterEach(() => {
  for (const step of undo.splice(0).reverse()) step()
})

/** Real sessions over real envelopes, each with what a node keeps of their faults. */
async function federation() {
  const parts = new Map<PublicKey, EvidenceParts>()
  const fed = openFederation(3, 2, { onAborted: (member, ...told) => parts.get(member)?.keygenEnded(...told) })
  undo.push(() => fed.stop())
  const dirs = new Map<PublicKey, string>()
  for (const { key } of fed.members) {
    const dataDir = mkdtempSync(join(tmpdir(), 'countersign-test-'))
    undo.push(() => rmSync(dataDir, { recursive: true, force: true }))
    dirs.set(key.publicKey, dataDir)
    const ports = { clock: systemClock, logger: silentLogger, metrics: noMetrics }
    const gate = new Gate({ registryScope: SCOPE, self: key.publicKey, bridges: [], denied: [], ...ports })
    gate.applyPending(fed.spec)
    const config = { dataDir, registry: { id: registryId } } as never
    // Nothing is told here but by the complaints of keygen itself.
    const host = { messenger: {} as never }
    const made = await createEvidence({ config, key: { keyPair: key } as never, ...ports } as never, { gate, host })
    undo.push(() => void made.file.stop())
    parts.set(key.publicKey, made)
  }
  return { fed, parts, fileOf: (m: PublicKey) => evidenceFile(dirs.get(m) ?? '') }
}
const begin = (fed: Federation) => {
  for (const m of [...fed.members, fed.leaving]) m.session.announceApproval(Date.now() + 60_000)
  for (const m of fed.members) m.session.startKeygen()
}
const verify = async (file: string): Promise<{ code: number; out: string }> => {
  let out = ''
  const write = (text: string) => {
    out += text
  }
  const io = { stdout: { write }, stderr: { write: () => {} } }
  return { code: await runCli(['evidence', 'verify', file], io as never), out }
}

describe('docs/ROUNDS.md: a keygen in which one member cheats', () => {
  it('should leave one piece of evidence at every member, the accused too, that is verified with no node', async () => {
    const { fed, parts, fileOf } = await federation()
    const [a, b, cheat] = fed.members.map((m) => m.publicKey) as [PublicKey, PublicKey, PublicKey]
    const key = fed.members[2]?.key
    let isSaid = false
    fed.bus.meddle = (e) => {
      // Beside what it says to all, it says another thing to one.
      if (!isSaid && e.author === cheat && e.step === 'open' && e.attempt === 1 && key !== undefined) {
        isSaid = true
        const payload = encodeKeygen('open', { receiverKey: e.payload.slice(2, 35), proof: new Uint8Array(64) })
        fed.bus.speak(key, e.topic, { round: e.round, attempt: 1, step: 'open', payload }, a)
      }
      return 'pass'
    }
    begin(fed)
    for (const m of [a, b, cheat])
      await expect.poll(() => parts.get(m)?.book.view().records, { timeout: 20_000 }).toBe(1)
    for (const m of [a, b, cheat]) {
      expect(parts.get(m)?.book.list()).toMatchObject([{ guilty: cheat, attempt: 1 }])
      expect(parts.get(m)?.book.view().accusations).toHaveLength(m === cheat ? 1 : 0)
    }
    await expect.poll(() => fed.members[0]?.session.keygen().phase, { timeout: 30_000 }).toBe('done')
    for (const m of [a, b, cheat]) {
      const ran = await verify(fileOf(m))
      expect(ran.code).toBe(0)
      expect(ran.out).toContain('everything holds')
    }
  })

  it('should leave none where all are honest', async () => {
    const { fed, parts } = await federation()
    begin(fed)
    for (const m of fed.members) await expect.poll(() => m.session.keygen().phase, { timeout: 30_000 }).toBe('done')
    for (const { book } of parts.values()) expect(book.view()).toEqual({ records: 0, accusations: [], failure: null })
  })
})
