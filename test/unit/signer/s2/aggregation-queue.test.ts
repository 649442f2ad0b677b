import { describe, expect, it } from 'vitest'
import { AggregationQueue } from '../../../../src/signer/s2/aggregation-queue.ts'
import { MusigContexts } from '../../../../src/signer/s2/musig-contexts.ts'
import { tempFolders } from '../../store/temp-folder.ts'
import { freshRun, homeIn, OWN_KEY, others, paramsOf, sighash } from './service-fixtures.ts'

const tempFolder = tempFolders()
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('lists of keys that are not known yet', () => {
  it('should be added up one per turn of the event loop', async () => {
    const queue = new AggregationQueue<number>()
    let made = 0
    const all = Promise.all(Array.from({ length: 5 }, (_, i) => queue.do(`${i}`, () => ++made, undefined)))
    expect(made).toBe(0)
    for (let turns = 1; turns <= 5; turns++) {
      await turn()
      expect(made).toBeLessThanOrEqual(turns)
    }
    expect(await all).toEqual([1, 2, 3, 4, 5])
  })

  it('should be added up once for all who ask together', async () => {
    const queue = new AggregationQueue<number>()
    let made = 0
    const ask = () => queue.do('same', () => ++made, undefined)
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([1, 1, 1])
  })

  it('should be refused while too many wait, and not once they do not', async () => {
    const queue = new AggregationQueue<number>(2)
    const first = [1, 2].map((n) => queue.do(`${n}`, () => n, undefined))
    await expect(queue.do('3', () => 3, undefined)).rejects.toMatchObject({ code: 'OVERLOADED' })
    expect(await Promise.all(first)).toEqual([1, 2])
    expect(await queue.do('3', () => 3, undefined)).toBe(3)
  })

  it('should not be added up for nobody, nor take a place', async () => {
    const queue = new AggregationQueue<number>(1)
    const gone = new AbortController()
    let made = 0
    const given = queue.do('gone', () => ++made, gone.signal)
    gone.abort()
    const wanted = queue.do('wanted', () => 7, undefined)
    await expect(given).rejects.toMatchObject({ code: 'CANCELLED' })
    expect([await wanted, made]).toEqual([7, 0])
  })

  it('should still be added up while one of several wants it', async () => {
    const queue = new AggregationQueue<number>()
    const gone = new AbortController()
    const both = [queue.do('a', () => 1, gone.signal), queue.do('a', () => 1, undefined)]
    gone.abort()
    expect(await both[1]).toBe(1)
  })

  it('should fail for those who asked for what fails, and for nobody else', async () => {
    const queue = new AggregationQueue<number>()
    const fails = queue.do(
      'bad',
      () => {
        throw new RangeError('no point')
      },
      undefined,
    )
    const other = queue.do('good', () => 1, undefined)
    await expect(fails).rejects.toThrow('no point')
    expect([await other, queue.waiting]).toEqual([1, 0])
  })

  it('should leave the event loop to others between any two of them', async () => {
    const contexts = new MusigContexts(OWN_KEY)
    const pool = others(7)
    const shuffled = pool.map((_, n) => [...pool.slice(n), OWN_KEY, ...pool.slice(0, n)])
    const listBytes = 1_024 + 192 * 8
    const given = shuffled.map((keys) => contexts.opened({ ...paramsOf(), orderedPublicKeys: keys }, undefined))
    expect(contexts.bytes).toBe(0)
    for (let turns = 1; turns <= shuffled.length; turns++) {
      await turn()
      expect(contexts.bytes).toBeLessThanOrEqual(turns * listBytes)
    }
    const opened = await Promise.all(given)
    expect(contexts.bytes).toBe(shuffled.length * listBytes)
    // What is kept is there at once.
    expect(contexts.opened({ ...paramsOf(), orderedPublicKeys: shuffled[0] ?? [] }, undefined)).toBe(opened[0])
  })

  it('should be the list that was given, whatever becomes of its bytes', async () => {
    const { service, stop } = await freshRun(homeIn(tempFolder()))
    const keys = [OWN_KEY, ...others(2)].map((key) => Uint8Array.from(key))
    const before = keys.map((key) => Uint8Array.from(key))
    const given = service.musigNonces({ ...paramsOf(), orderedPublicKeys: keys }, [sighash(1)])
    for (const key of keys) key.fill(0)
    const again = service.musigNonces({ ...paramsOf(), orderedPublicKeys: before }, [sighash(1)])
    expect(await given).toEqual(await again)
    await stop()
  })
})
