import { describe, expect, it } from 'vitest'
import type { PublicKey } from '../../../src/base/index.ts'
import { viewOfHandoff } from '../../../src/node/handoff-view.ts'
import type { HandoffItemStatus } from '../../../src/rotation/index.ts'
import { SPEC } from './facts.ts'

const currentKeys = ['02aa', '02bb', '02cc'] as unknown as readonly PublicKey[]
const [a, b, c] = currentKeys as readonly [PublicKey, PublicKey, PublicKey]
const spec = { ...SPEC, currentKeys, currentThreshold: 2 }
const item = (listedBy: readonly PublicKey[], signature?: string): HandoffItemStatus => ({
  ...{ digest: 'ab'.repeat(32), merkleRoot: 'none', own: true, listedBy },
  ...{ signature, failure: undefined },
})
const seen = (cosigned: readonly PublicKey[], of: HandoffItemStatus) =>
  viewOfHandoff({ holding: [], cosigned, items: [of] }, spec).items[0]

describe('R29: a digest that too few can still list', () => {
  it('should be too late once so many of the others have co-signed', () => {
    expect(seen([b, c], item([a]))).toMatchObject({ tooLate: true, missing: [b, c] })
  })
  it.each<[string, readonly PublicKey[], HandoffItemStatus]>([
    ['enough others may still list it', [b], item([a])],
    ['nobody has co-signed', [], item([a])],
    ['enough list it, co-signed or not', [b, c], item([a, b])],
    ['it is signed', [b, c], item([], '99'.repeat(64))],
  ])('should not be too late where %s', (_why, cosigned, of) => {
    expect(seen(cosigned, of)?.tooLate).toBe(false)
  })
})
