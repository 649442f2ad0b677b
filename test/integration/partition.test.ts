import { afterEach, describe, expect, it } from 'vitest'
import { untilWithin } from '../fixtures/until.ts'
import { isFullMesh, linkedTo, snapshotOf, startMembers, type WiredMembers } from './fixtures/members.ts'

const [MEMBERS, LEFT] = [15, 8]
/** Of real time, on a machine that does other things as well. */
const DEADLINE_MS = 120_000

let net: WiredMembers | undefined
afterEach(async () => {
  await net?.stop()
})

describe('a partition of real nodes', () => {
  it(`should heal into the full mesh: ${LEFT} and ${MEMBERS - LEFT} of ${MEMBERS}`, async () => {
    net = await startMembers(MEMBERS, 'tcp')
    const { members, wire } = net
    for (const m of members) m.parts.membership.applySnapshot(snapshotOf(members, 'a1'))
    await untilWithin(DEADLINE_MS, 'all are connected', () => isFullMesh(members))

    const [left, right] = [members.slice(0, LEFT), members.slice(LEFT)]
    const across = members.flatMap((_, from) =>
      members.flatMap((_, to) => (from < LEFT !== to < LEFT ? [wire(from, to)] : [])),
    )
    for (const w of across) w.set('stalled')
    await untilWithin(
      DEADLINE_MS,
      'the sides have given each other up',
      () => left.every((m) => linkedTo(m, right).length === 0) && right.every((m) => linkedTo(m, left).length === 0),
    )
    expect([isFullMesh(left), isFullMesh(right)]).toEqual([true, true])

    for (const w of across) w.set('open')
    await untilWithin(DEADLINE_MS, 'all are connected again', () => isFullMesh(members))
  }, 400_000)
})
