import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { POLICY_REASONS } from '../../../src/signer/index.ts'

const PAGE = readFileSync(join(import.meta.dirname, '../../../docs/POLICY.md'), 'utf8')
const [, TABLE = ''] = /<!-- policy-reasons -->\n([\s\S]*?)<!-- \/policy-reasons -->/.exec(PAGE) ?? []
const ROWS = [...TABLE.matchAll(/^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$/gm)].map(([, name, beside, meaning]) => ({
  ...{ name, beside: beside?.split(', ') ?? [], meaning: meaning?.trim() ?? '' },
}))

it('docs/POLICY.md should explain exactly the reasons that the policies give', () => {
  expect(ROWS.map(({ name }) => name)).toEqual(POLICY_REASONS)
  for (const { name, beside, meaning } of ROWS) {
    expect(meaning.length, name).toBeGreaterThan(10)
    for (const word of beside) expect(['approved', 'waiting', 'refused'], name).toContain(word)
  }
})
