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
