import { describe, expect, it } from 'vitest'
import { jsonLogger } from '../../../src/base/index.ts'
import { statusText } from '../../../src/cli/status-view.ts'
import { type CurveChoice, chooseCurve, nobleCurve } from '../../../src/curve/index.ts'
import { announceCurve, curveView } from '../../../src/node/curve-backend.ts'
import { PromMetrics } from '../../../src/status/index.ts'

const FAST: CurveChoice = { curve: { ...nobleCurve, name: 'native' }, fallback: undefined }
const SLOW = chooseCurve('auto', () => {
  throw new Error('No native build was found')
})

async function announced(choice: CurveChoice) {
  const lines: string[] = []
  const metrics = new PromMetrics()
  announceCurve(choice, metrics, jsonLogger({ level: 'debug', write: (line) => lines.push(line) }))
  const values = await metrics.values('curve_backend')
  const series = Object.fromEntries(values.map(({ labels, value }) => [labels.backend, value]))
  return { lines: lines.map((line) => JSON.parse(line)), series }
}

describe('the curve backend, told', () => {
  it('should be logged once, and be 1 in the metric', async () => {
    const { lines, series } = await announced(FAST)
    expect(lines).toMatchObject([{ level: 'info', backend: 'native' }])
    expect(series).toEqual({ native: 1, noble: 0 })
  })
  it('should be logged with its file where nobody but its self-test vouches for it', async () => {
    const { lines } = await announced({ ...FAST, ownBuild: '/x/build/Release/a.node' })
    expect(lines).toMatchObject([{ level: 'info', backend: 'native', ownBuild: '/x/build/Release/a.node' }])
  })
  it('should be warned of with its reason when it is the slow one', async () => {
    const { lines, series } = await announced(SLOW)
    expect(lines).toMatchObject([
      {
        level: 'warn',
        backend: 'noble',
        reason: 'the addon of secp256k1 does not load: No native build was found',
      },
    ])
    expect(series).toEqual({ native: 0, noble: 1 })
  })
  it('should stand in status, and in words for a person', () => {
    expect(curveView(FAST)).toEqual({ backend: 'native', fallback: null })
    expect(statusText({ curve: curveView(FAST) }, 0)).toMatch(/curve +native\n*$/m)
    expect(statusText({ curve: curveView(FAST) }, 0)).not.toContain('SLOW')
    expect(statusText({ curve: curveView(SLOW) }, 0)).toContain('noble · SLOW: the addon of secp256k1 does not load')
  })
})
