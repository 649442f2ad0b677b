import { describe, expect, it } from 'vitest'
import { PromMetrics } from '../../../src/status/index.ts'

describe('PromMetrics', () => {
  it('should count by labels and show the series under our prefix', async () => {
    const metrics = new PromMetrics()
    const denials = metrics.counter('denials_total', 'Refusals', ['reason'])
    denials.inc({ reason: 'stranger' })
    denials.inc({ reason: 'stranger' }, 2)
    denials.inc({ reason: 'removed' })
    expect(await metrics.values('denials_total')).toEqual([
      { labels: { reason: 'stranger' }, value: 3 },
      { labels: { reason: 'removed' }, value: 1 },
    ])
    expect(await metrics.render()).toContain('countersign_denials_total{reason="stranger"} 3')
  })

  it('should count frozen labels as any others, each metric and object for itself', async () => {
    const metrics = new PromMetrics()
    const a = metrics.counter('a_total', 'A', ['reason'])
    const b = metrics.counter('b_total', 'B', ['reason'])
    const [stranger, again] = [Object.freeze({ reason: 'stranger' }), Object.freeze({ reason: 'stranger' })]
    for (let i = 0; i < 3; i++) {
      a.inc(stranger)
      b.inc(stranger, 10)
    }
    a.inc(again)
    a.inc({ reason: 'stranger' })
    expect(await metrics.values('a_total')).toEqual([{ labels: { reason: 'stranger' }, value: 5 }])
    a.inc(stranger)
    const page = await metrics.render()
    expect(page).toContain('countersign_a_total{reason="stranger"} 6')
    expect(page).toContain('countersign_b_total{reason="stranger"} 30')
    // Read twice, counted once.
    expect(await metrics.values('a_total')).toEqual([{ labels: { reason: 'stranger' }, value: 6 }])
  })

  it('should lose no count among more frozen labels than it holds', async () => {
    const metrics = new PromMetrics()
    const counter = metrics.counter('x_total', 'X', ['reason'])
    for (let i = 0; i < 5_000; i++) counter.inc(Object.freeze({ reason: 'same' }))
    expect(await metrics.values('x_total')).toEqual([{ labels: { reason: 'same' }, value: 5_000 }])
  })

  it('should keep the last value of a gauge', async () => {
    const metrics = new PromMetrics()
    const age = metrics.gauge('snapshot_age_seconds', 'Age')
    age.set({}, 5)
    age.set({}, 2)
    expect(await metrics.values('snapshot_age_seconds')).toEqual([{ labels: {}, value: 2 }])
  })

  it('should give the same metric to everyone who asks for it', async () => {
    const metrics = new PromMetrics()
    metrics.counter('x_total', 'X').inc({})
    metrics.counter('x_total', 'X').inc({})
    expect(await metrics.values('x_total')).toEqual([{ labels: {}, value: 2 }])
  })

  it('should share nothing between two nodes in one process', async () => {
    const [a, b] = [new PromMetrics(), new PromMetrics()]
    a.counter('x_total', 'X').inc({})
    b.counter('x_total', 'X')
    expect(await b.values('x_total')).toEqual([{ labels: {}, value: 0 }])
    expect(await b.render()).toContain('countersign_x_total 0')
  })

  it('should know nothing of a metric that nobody made', async () => {
    expect(await new PromMetrics().values('x_total')).toEqual([])
  })

  it('should refuse one name with two types', () => {
    const metrics = new PromMetrics()
    metrics.counter('x', 'X')
    expect(() => metrics.gauge('x', 'X')).toThrowError(expect.objectContaining({ code: 'METRIC_CLASH' }))
  })

  it('should refuse one name with two lists of labels', () => {
    const metrics = new PromMetrics()
    metrics.counter('x', 'X', ['a'])
    expect(() => metrics.counter('x', 'X', ['b'])).toThrowError(expect.objectContaining({ code: 'METRIC_CLASH' }))
  })

  it('should refuse a name that Prometheus would not take', () => {
    expect(() => new PromMetrics().counter('x-y', 'X')).toThrowError(expect.objectContaining({ code: 'METRIC_NAME' }))
  })
})
