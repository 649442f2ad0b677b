import { expect, it } from 'vitest'
import { LIMITS } from '../../../../src/base/index.ts'
import { Announcements } from '../../../../src/rounds/sign/announcements.ts'
import type { SignEffect } from '../../../../src/rounds/sign/index.ts'
import { of } from './kit.ts'

/** Said of a round, as something that tells which one it was. */
const sayings = (): Announcements => new Announcements((round) => [{ kind: 'disarm', id: round }])
const said = (effects: readonly SignEffect[]): string[] => of(effects, 'disarm').map((e) => e.id)
const MANY = 1_000

function told(a: Announcements, count: number): { readonly said: string[]; readonly timer: string } {
  const effects = Array.from({ length: count }, (_, i) => a.first(`${i}`)).flat()
  return { said: said(effects), timer: of(effects, 'arm')[0]?.id ?? '' }
}

it('should say at once what is not very much, and arm nothing for it', () => {
  const a = sayings()
  const effects = Array.from({ length: 100 }, (_, i) => a.first(`${i}`)).flat()
  expect(said(effects).length).toBe(100)
  expect(of(effects, 'arm')).toEqual([])
})

it('should say of very many no more than members hear of one author, and all of it in the end', () => {
  const a = sayings()
  const { said: atOnce, timer } = told(a, MANY)
  expect(atOnce.length).toBeLessThan(LIMITS.authorBurst)
  expect(a.size).toBe(MANY - atOnce.length)
  let [turns, sum, perSecond] = [0, atOnce.length, 0]
  for (let effects = a.timer(timer) ?? []; ; effects = a.timer(timer) ?? []) {
    turns++
    sum += said(effects).length
    const [armed] = of(effects, 'arm')
    if (armed === undefined) break
    perSecond = Math.max(perSecond, (1_000 / armed.afterMs) * said(effects).length)
    expect(turns).toBeLessThan(1_000)
  }
  expect(sum).toBe(MANY)
  expect(perSecond).toBeLessThan(LIMITS.authorPerSecond)
})

it('should say what is new before what was said before', () => {
  const a = sayings()
  const { timer } = told(a, 256)
  expect([...a.again('old'), ...a.first('new'), ...a.again('new')].length).toBe(0)
  expect(said(a.timer(timer) ?? [])).toEqual(['new', 'old'])
})

it('should say nothing of what is over', () => {
  const a = sayings()
  const { timer } = told(a, 256)
  for (const round of ['x', 'y']) a.first(round)
  a.again('z')
  a.forget('x')
  a.forget('z')
  expect(said(a.timer(timer) ?? [])).toEqual(['y'])
  a.first('more')
  expect(of(told(a, 300).said.length > 0 ? a.clear() : [], 'disarm').length).toBe(1)
  expect(a.size).toBe(0)
  expect(a.timer('another')).toBeUndefined()
})
