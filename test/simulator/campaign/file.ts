import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCli } from '../../../src/cli/main.ts'
import { EVIDENCE_CHAIN, openChainedJournal } from '../../../src/store/index.ts'
import type { SimulatedNode } from '../simulation.ts'
import type { Played } from './play.ts'

/** Writes what a member keeps into a real file, and has `countersign evidence verify` judge it. Resolves with its exit code. */
export async function verifyFile({ disk }: SimulatedNode): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-campaign-'))
  try {
    const path = join(folder, 'evidence.jsonl')
    const { journal } = await openChainedJournal({ path, chain: EVIDENCE_CHAIN, signer: disk.key })
    await Promise.all(disk.evidence.payloads.map((payload) => journal.append(payload)))
    await journal.close()
    const io = { stdout: { write: () => {} }, stderr: { write: () => {} } }
    return await runCli(['evidence', 'verify', path], io as never)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Who keeps most. */
export const fullest = ({ nodes }: Played): SimulatedNode | undefined =>
  nodes.toSorted((a, b) => b.disk.evidence.payloads.length - a.disk.evidence.payloads.length)[0]
