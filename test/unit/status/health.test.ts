import { describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/base/index.ts'
import { HealthBoard, NOT_CHECKED_YET, PromMetrics } from '../../../src/status/index.ts'

const clockAt = (time: { ms: number }): Clock => ({
  now: () => time.ms,
  monotonicMs: () => time.ms,
  after: () => () => {},
})

describe('HealthBoard', () => {
  it('should be red for what is expected and has not reported', () => {
    const board = new HealthBoard({ clock: clockAt({ ms: 1 }), expected: ['registry'] })
    expect(board.health()).toEqual({
      ok: false,
      red: ['registry'],
      checks: [{ name: 'registry', ok: false, reason: NOT_CHECKED_YET, sinceMs: 1 }],
    })
  })

  it('should be green when every check is, and drop the reasons', () => {
    const board = new HealthBoard({ clock: clockAt({ ms: 1 }), expected: ['registry', 'mesh'] })
    board.report('registry', { ok: true, reason: 'stale text' })
    board.report('mesh', { ok: true })
    const { ok, red, checks } = board.health()
    expect({ ok, red, reasons: checks.map((c) => c.reason) }).toEqual({
      ok: true,
      red: [],
      reasons: [undefined, undefined],
    })
  })

  it('should name the red one among green ones', () => {
    const board = new HealthBoard({ clock: clockAt({ ms: 1 }) })
    board.report('registry', { ok: true })
    board.report('mesh', { ok: false, reason: '2 of 4 members unreachable' })
    expect(board.health()).toMatchObject({ ok: false, red: ['mesh'] })
  })

  it('should keep the moment of the last turn, not of the last report', () => {
    const time = { ms: 10 }
    const board = new HealthBoard({ clock: clockAt(time) })
    board.report('mesh', { ok: false, reason: 'a' })
    time.ms = 20
    board.report('mesh', { ok: false, reason: 'b' })
    expect(board.health().checks[0]).toMatchObject({ reason: 'b', sinceMs: 10 })
    board.report('mesh', { ok: true })
    expect(board.health().checks[0]).toMatchObject({ ok: true, sinceMs: 20 })
  })

  it('should tell of turns only', () => {
    const board = new HealthBoard({ clock: clockAt({ ms: 1 }) })
    const turns: string[] = []
    board.changed.on((c) => turns.push(`${c.name} ${c.ok}`))
    board.report('mesh', { ok: false, reason: 'a' })
    board.report('mesh', { ok: false, reason: 'b' })
    board.report('mesh', { ok: true })
    expect(turns).toEqual(['mesh false', 'mesh true'])
  })

  it('incident 41: should be red for what nobody has looked at for too long, until somebody does', () => {
    const time = { ms: 1_000 }
    const board = new HealthBoard({ clock: clockAt(time), maxAgeMs: 15_000 })
    board.report('registry', { ok: true })
    board.report('mesh', { ok: false, reason: 'no connection' })
    time.ms = 16_000
    expect(board.health().red).toEqual(['mesh'])
    time.ms = 17_000
    expect(board.health()).toMatchObject({
      ok: false,
      checks: [
        { name: 'registry', ok: false, reason: 'not looked at for 16 s', sinceMs: 1_000 },
        { name: 'mesh', reason: 'no connection' },
      ],
    })
    board.report('registry', { ok: true })
    expect(board.health().red).toEqual(['mesh'])
  })

  it('incident 41: should tell age by what has passed, whatever the wall clock says', () => {
    const [wall, passed] = [{ ms: 1_000_000 }, { ms: 5 }]
    const clock = { ...clockAt(wall), monotonicMs: () => passed.ms }
    const board = new HealthBoard({ clock, maxAgeMs: 15_000 })
    board.report('registry', { ok: true })
    wall.ms = 9_000_000
    expect(board.health().ok).toBe(true)
    wall.ms = 1_000
    passed.ms = 16_006
    expect(board.health().checks).toMatchObject([{ ok: false, reason: 'not looked at for 16 s', sinceMs: 1_000_000 }])
  })

  it('should show each check as a gauge', async () => {
    const metrics = new PromMetrics()
    const board = new HealthBoard({ clock: clockAt({ ms: 1 }), metrics })
    board.report('mesh', { ok: false })
    board.report('registry', { ok: true })
    expect(await metrics.values('health_ok')).toEqual([
      { labels: { check: 'mesh' }, value: 0 },
      { labels: { check: 'registry' }, value: 1 },
    ])
  })
})
