import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { LOST_REASONS, S2_STATE_ERRORS } from '../../../../src/signer/index.ts'

const PAGE = readFileSync(join(import.meta.dirname, '../../../../docs/S2.md'), 'utf8')

describe('docs/S2.md', () => {
  it.each([...LOST_REASONS, ...S2_STATE_ERRORS])('should say what %s is', (name) => {
    expect(PAGE).toContain(`\`${name}\``)
  })
})
