import { describe, expect, it } from 'vitest'
import { narrowLayout, WIDE } from '../../../src/cli/layout.ts'
import { policyLine, policyTable } from '../../../src/cli/policy-view.ts'
import { KeyPair } from '../../../src/curve/index.ts'

const NOW = 1_800_000_000_000
const KEY = 'ab'.repeat(32)
const { peerId, publicKey } = KeyPair.generate()

const decision = (requestId: string, over: object = {}) => ({
  ...{ requestId, groupKey: KEY, askedBy: peerId, reason: 'not_asked', detail: null },
  ...{ firstAtMs: NOW - 60_000, lastAtMs: NOW - 5_000, times: 3, ...over },
})
const of = (over: object = {}) => ({ kind: 'bridge', approved: [], waiting: [], refused: [], ...over })
const table = (policy: object) => policyTable(policy, NOW, narrowLayout(policy)) ?? ''
const rowOf = (policy: object, id: string): string =>
  table(policy)
    .split('\n')
    .find((line) => line.includes(` ${id}`)) ?? ''

describe('policy decisions in countersign status', () => {
  it('should tell the policy, and count what it said', () => {
    expect(policyLine(of())).toBe('bridge')
    const some = of({
      approved: [decision('aa')],
      waiting: [decision('bb'), decision('cc')],
      refused: [decision('dd')],
    })
    expect(policyLine(some)).toBe('bridge · 1 lately approved · 2 waiting · 1 refused')
  })

  it('should have no table where nothing waits and nothing was refused', () => {
    expect(policyTable(of({ approved: [decision('aa')] }), NOW, WIDE)).toBeUndefined()
  })

  it('should call a request as its bridge did, where that can be read', () => {
    const hexOf = (text: string) => Buffer.from(text, 'latin1').toString('hex')
    const waiting = [decision(hexOf('ap-1')), decision(hexOf('a\u001b[2Jb')), decision('00ff')]
    const text = table(of({ waiting }))
    expect(text).toMatch(/^ {2}waiting +ap-1 /m)
    expect(text).toContain(hexOf('a\u001b[2Jb'))
    expect(text).toMatch(/ 00ff /)
    expect(text).not.toContain('\u001b')
  })

  it('should show who asked for what waits, how often, when last, and why', () => {
    const waiting = [decision('b0b0', { reason: 'votes_missing', detail: 'asked for by 1 of 2' })]
    expect(rowOf(of({ waiting }), 'b0b0')).toMatch(
      new RegExp(`^ {2}waiting +b0b0 +…${peerId.slice(-8)} +3 +5 s ago +votes_missing: asked for by 1 of 2$`),
    )
  })

  it('should show what was refused with the reason that nobody else hears', () => {
    const refused = [decision('d0d0', { askedBy: publicKey, reason: 'other_items' })]
    expect(rowOf(of({ refused }), 'd0d0')).toMatch(
      new RegExp(`^ {2}refused +d0d0 +${publicKey.slice(0, 8)}… +3 +5 s ago +other_items$`),
    )
  })

  it('should not call waiting what was approved since, nor approved what is asked for again since', () => {
    const waiting = [decision('aa', { lastAtMs: NOW - 9_000 }), decision('bb', { lastAtMs: NOW - 1_000 })]
    const policy = of({ waiting, approved: [decision('aa'), decision('bb')] })
    expect(table(policy)).not.toMatch(/ aa /)
    expect(table(policy)).toMatch(/waiting +bb /)
    expect(policyLine(policy)).toContain('1 waiting')
  })

  it('should tell requests of one id under two keys apart', () => {
    const policy = of({ waiting: [decision('aa', { groupKey: 'cd'.repeat(32) })], approved: [decision('aa')] })
    expect(table(policy)).toMatch(/waiting +aa /)
  })

  it('should show the youngest, and say how many more there are', () => {
    const ids = Array.from({ length: 20 }, (_, i) => `0${(i + 0x10).toString(16)}`)
    const waiting = ids.map((id, i) => decision(id, { lastAtMs: NOW - (20 - i) * 1_000 }))
    const text = table(of({ waiting }))
    expect(text).toMatch(/12 more are waiting: --wide/)
    for (const [i, id] of ids.entries()) expect(text.includes(` ${id} `), id).toBe(i >= 12)
    const wide = policyTable(of({ waiting }), NOW, WIDE) ?? ''
    for (const id of ids) expect(wide).toContain(` ${id} `)
  })

  it('should call no two requests by one short form, and keep ids whole with --wide', () => {
    const ids = ['1', '2'].map((end) => 'f'.repeat(60) + end)
    const policy = of({ refused: ids.map((id) => decision(id)) })
    const shown = [...table(policy).matchAll(/refused +(\S+)/g)].map(([, id = '']) => id)
    expect(new Set(shown).size).toBe(2)
    for (const id of ids) expect(policyTable(policy, NOW, WIDE)).toContain(` ${id} `)
  })

  it('should survive the answer of another version, and drive no terminal', () => {
    expect(policyTable(undefined, NOW, WIDE)).toBeUndefined()
    expect(policyLine(undefined)).toBeUndefined()
    const text = table(of({ refused: [{}, decision('aa', { detail: 'a\u001b[2Jb' })] }))
    expect(text).toMatch(/refused +\?/)
    expect(text).not.toContain('\u001b')
  })
})
