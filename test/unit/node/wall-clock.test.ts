import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const SRC = join(import.meta.dirname, '../../../src')
/** Rooms in which an interval that a clock set by an hour would stretch has stopped something for that hour. */
const ROOMS = ['gating', 'node/liveness', 'p2p', 'rotation', 'rounds/pending', 'status']

/** Who reads the wall clock there, how often, and what for: it is told, stored, or compared with another machine's. */
const READERS: Readonly<Record<string, readonly [times: number, why: string]>> = {
  'gating/denials.ts': [1, 'told in status'],
  'gating/evictor.ts': [1, 'told in status, beside when it was applied'],
  'node/liveness/key-elsewhere.ts': [1, 'told in status'],
  'node/liveness/liveness.ts': [1, 'told to members'],
  'node/liveness/tracker.ts': [3, "told in status; compared with a member's"],
  'p2p/addresses/own-record.ts': [1, 'stored: the number of a record must rise over restarts'],
  'p2p/dial-watch.ts': [2, 'told to health'],
  'p2p/intake.ts': [3, "compared with members': expiry, skew, their boots"],
  'p2p/messenger.ts': [1, 'told to members: expiry'],
  'rotation/active-rotation.ts': [1, 'stored: the end of an approval'],
  'rotation/handoff-signing.ts': [1, 'the deadline of a request'],
  'rotation/handoff.ts': [1, 'stored: revisions must rise over restarts'],
  'rotation/reconciler.ts': [2, 'stored: the end of an approval'],
  'rotation/recalls.ts': [4, 'stored: the end of a recall'],
  'rounds/pending/session.ts': [1, "compared with members': the end of their approvals"],
  'status/health.ts': [2, 'told in status'],
}

it('intervals should be measured with the monotonic clock; the wall clock is read where it must be', () => {
  const found: Record<string, number> = {}
  for (const room of ROOMS)
    for (const path of globSync(`${room}/**/*.ts`, { cwd: SRC })) {
      const text = readFileSync(join(SRC, path), 'utf8')
      const times = text.split(/\b[cC]lock\.now\(\)|\bDate\.now\(\)/).length - 1
      if (times > 0) found[path] = times
    }
  const listed = Object.entries(READERS).map(([path, [times]]) => [path, times])
  expect(found).toEqual(Object.fromEntries(listed))
})
