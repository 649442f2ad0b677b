import { execFile } from 'node:child_process'
import { getEventListeners } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CodedError, equalBytes, fromHex, silentLogger, toHex } from '../../../../src/base/index.ts'
import {
  openS2Keys,
  type WotsBits,
  wotsPublicKey,
  wotsSecretKey,
  wotsSign,
  wotsVerify,
} from '../../../../src/crypto/index.ts'
import { hash160, randomBytes } from '../../../../src/curve/index.ts'
import type { ChainHasher } from '../../../../src/signer/s2/chain-hasher.ts'
import type { WotsJob } from '../../../../src/signer/s2/types.ts'
import { hearing, jobs, placeOf, pool, tellingLogger, threadThat, ZEROS } from './chain-fixtures.ts'

interface WotsCase {
  readonly bits: WotsBits
  readonly txid?: string
  readonly vout?: number
  readonly index?: number
  readonly msg: string
  readonly public_key: string
  readonly signature: string
}
const VECTORS = JSON.parse(readFileSync(join(import.meta.dirname, '../../../vectors/s2.json'), 'utf8')) as {
  readonly seed: string
  readonly wots: readonly WotsCase[]
}
const KEYS = openS2Keys(fromHex(VECTORS.seed))
const placed = VECTORS.wots.flatMap((c) =>
  c.txid === undefined
    ? []
    : [{ ...c, place: { txid: fromHex(c.txid), vout: c.vout ?? -1, index: c.index ?? -1 }, message: fromHex(c.msg) }],
)
const secretKeyOf = ({ bits, place }: WotsJob) =>
  wotsSecretKey(bits === 128 ? KEYS.wots128Material : KEYS.wots256Material, bits, place)

describe('hash chains on threads', () => {
  let hasher: ChainHasher
  beforeAll(async () => {
    hasher = pool({ material: KEYS, threads: 2 })
    await hasher.start()
  })
  afterAll(() => hasher.stop())

  it('should make the public keys that others make', async () => {
    expect(placed.length).toBeGreaterThan(2)
    expect((await hasher.publicKeys(placed)).map(toHex)).toEqual(placed.map((c) => c.public_key))
  })

  it.each(placed)('should make the signatures that others make: $bits bits, message $msg', async (c) => {
    expect(toHex(await hasher.signature(c, c.message))).toBe(c.signature)
  })

  it('should make, in order, what plain hashing makes, of both lengths at any places', async () => {
    const asked = Array.from({ length: 60 }, (_, i): WotsJob => {
      const [vout = 0, index = 0] = new Uint32Array(randomBytes(8).buffer)
      return { bits: i % 7 === 0 ? 256 : 128, place: { txid: randomBytes(32), vout, index } }
    })
    const plain = asked.map((job) => {
      const key = secretKeyOf(job)
      for (let at = 0; at < key.length; at += 20)
        for (let i = 0; i < 16; i++) key.set(hash160(key.subarray(at, at + 20)), at)
      return toHex(key)
    })
    expect((await hasher.publicKeys(asked)).map(toHex)).toEqual(plain)
    expect((await hasher.publicKeys(asked.toReversed())).map(toHex)).toEqual(plain.toReversed())
  })

  it('should sign any message of a key as this thread does', async () => {
    for (const bits of [128, 256] as const) {
      const [job] = jobs(1, 200, bits)
      if (job === undefined) throw new Error('no job')
      const [publicKey = new Uint8Array()] = await hasher.publicKeys([job])
      const messages = [0, 255, 7].map((byte) => new Uint8Array(bits / 8).fill(byte))
      const signed = await Promise.all(messages.map((m) => hasher.signature(job, m)))
      expect(signed.map(toHex)).toEqual(messages.map((m) => toHex(wotsSign(secretKeyOf(job), m))))
      expect(messages.every((m, i) => wotsVerify(signed[i] ?? new Uint8Array(), m, publicKey))).toBe(true)
      expect(publicKey).toEqual(wotsPublicKey(secretKeyOf(job)))
    }
  })

  it('should know keys of both lengths at one place apart', async () => {
    const both = ([128, 256] as const).map((bits): WotsJob => ({ bits, place: placeOf(7, 207) }))
    const plain = both.map((job) => wotsPublicKey(secretKeyOf(job)))
    expect(await hasher.publicKeys(both)).toEqual(plain)
    expect(await hasher.publicKeys(both.toReversed())).toEqual(plain.toReversed())
  })

  it('should answer nothing with nothing', async () => {
    expect(await hasher.publicKeys([])).toEqual([])
  })

  it('should answer a key that is asked for twice in one request twice', async () => {
    const [job] = jobs(1, 201) as [WotsJob]
    const [one, two, ...more] = (await hasher.publicKeys([job, job])) as [Uint8Array, Uint8Array]
    expect([one, one !== two, one.buffer !== two.buffer, more]).toEqual([two, true, true, []])
  })

  it('should give answers that are the caller’s own, and take requests that the caller may change', async () => {
    const txid = new Uint8Array(32).fill(202)
    const job = { bits: 128, place: { txid, vout: 0, index: 0 } } as const
    const expected = wotsPublicKey(secretKeyOf(job))
    const given = hasher.publicKeys([job])
    const message = new Uint8Array(16)
    const signed = hasher.signature({ ...job, place: { ...job.place, txid: txid.slice() } }, message)
    message.fill(3)
    const [first] = await given
    expect(first).toEqual(expected)
    expect(await signed).toEqual(wotsSign(secretKeyOf(job), new Uint8Array(16)))
    first?.fill(0)
    const [second] = await hasher.publicKeys([job])
    second?.fill(0)
    expect(await hasher.publicKeys([job])).toEqual([expected])
    const changed = { bits: 128, place: { txid: new Uint8Array(32).fill(203), vout: 0, index: 0 } } as const
    const before = wotsPublicKey(secretKeyOf(changed))
    const ahead = hasher.publicKeys(jobs(100, 210))
    const answer = hasher.publicKeys([changed])
    // It waits behind the others, and has gone to no thread yet.
    changed.place.txid.fill(9)
    await ahead
    expect(await answer).toEqual([before])
  })

  it.each<[string, WotsJob]>([
    ['a txid of 31 bytes', { bits: 128, place: { txid: new Uint8Array(31), vout: 0, index: 0 } }],
    ['a vout below zero', { bits: 128, place: { ...placeOf(0), vout: -1 } }],
    ['an index of 33 bits', { bits: 256, place: placeOf(2 ** 32) }],
    ['other bits', { bits: 64 as 128, place: placeOf(0) }],
  ])('should make nothing for %s', async (_what, job) => {
    await expect(hasher.publicKeys([...jobs(3, 204), job])).rejects.toThrow(TypeError)
    await expect(hasher.signature(job, new Uint8Array(job.bits / 8))).rejects.toThrow(TypeError)
  })

  it.each([0, 15, 17, 32])('should sign no message of %i bytes with a key of 128 bits', async (length) => {
    await expect(hasher.signature({ bits: 128, place: placeOf(0) }, new Uint8Array(length))).rejects.toThrow(TypeError)
  })

  it.each([0, 31, 33])('should have no material of %i bytes', (length) => {
    expect(() => pool({ material: { ...ZEROS, wots256Material: new Uint8Array(length) } })).toThrow(TypeError)
  })

  it('should let a single key pass a burst', async () => {
    let isBurstOver = false
    const burst = hasher.publicKeys(jobs(1_500, 205)).then(() => {
      isBurstOver = true
    })
    const single = await hasher.publicKeys(jobs(1, 206))
    const signed = await hasher.signature({ bits: 128, place: placeOf(0) }, new Uint8Array(16))
    expect([single.length, signed.length, isBurstOver]).toEqual([1, 756, false])
    await burst
  })
})

/** Whatever is asked next says by its number how many were made before. */
const madeBefore = async (hasher: ChainHasher): Promise<number> => {
  const [answer] = await hasher.publicKeys(jobs(1, 250))
  return (answer?.[0] ?? 0) - 1
}

describe('a request for hash chains', () => {
  it('should be made once for all who ask meanwhile, and for none who ask later', async () => {
    const hasher = pool({ worker: threadThat('say(items)') })
    const asked = await Promise.all([1, 2, 3].map(() => hasher.publicKeys(jobs(20, 1))))
    expect(asked.every((keys) => keys.every((key, i) => key[0] === i + 1))).toBe(true)
    await hasher.publicKeys(jobs(20, 1))
    expect(await madeBefore(hasher)).toBe(20)
    await hasher.stop()
  })

  it('should have each signature made: they are nobody else’s, and not remembered', async () => {
    const hasher = pool({ worker: threadThat('say(items)') })
    const [job] = jobs(1, 1) as [WotsJob]
    const signed = await Promise.all([1, 2].map(() => hasher.signature(job, new Uint8Array(16))))
    expect(signed.map((s) => s[0])).toEqual([1, 2])
    expect((await hasher.signature(job, new Uint8Array(16)))[0]).toBe(3)
    await hasher.stop()
  })

  it('should remember as many public keys as have room, and forget the oldest', async () => {
    const hasher = pool({ worker: threadThat('say(items)'), cacheBytes: 5_000 })
    for (const txid of [1, 2, 3]) await hasher.publicKeys(jobs(3, txid))
    const again = async (txid: number) => (await hasher.publicKeys(jobs(3, txid))).map((key) => key[0])
    expect(await again(3)).toEqual([7, 8, 9])
    expect(await again(1)).toEqual([10, 11, 12])
    await hasher.stop()
  })

  it('should end at once when it is cancelled, and the rest of it not be made', async () => {
    using heard = hearing('cancelled')
    const busy = "new BroadcastChannel('cancelled').postMessage(items.length); setTimeout(() => say(items), 200)"
    const hasher = pool({ worker: threadThat(busy) })
    const abort = new AbortController()
    const burst = hasher.publicKeys(jobs(1_000, 1), abort.signal)
    const slice = await heard.next()
    abort.abort()
    await expect(burst).rejects.toMatchObject({ code: 'CANCELLED' })
    // Of what is being made something is left, of what waited nothing.
    expect(hasher.load).toEqual({ threads: 1, leaving: 0, unmade: slice, queued: 0, cacheBytes: 0 })
    expect(getEventListeners(abort.signal, 'abort')).toEqual([])
    expect(await madeBefore(hasher)).toBe(slice)
    // What was made in vain is remembered nevertheless.
    expect((await hasher.publicKeys(jobs(1, 1)))[0]?.[0]).toBe(1)
    await hasher.stop()
  })

  it('should not begin when it is cancelled already, and say why if that is coded', async () => {
    const hasher = pool({ worker: threadThat('say(items)') })
    const why = new CodedError('DEADLINE', 'too late')
    await expect(hasher.publicKeys(jobs(3, 1), AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' })
    await expect(hasher.publicKeys(jobs(3, 1), AbortSignal.abort(why))).rejects.toBe(why)
    const [job] = jobs(1, 1) as [WotsJob]
    await expect(hasher.signature(job, new Uint8Array(16), AbortSignal.abort(why))).rejects.toBe(why)
    expect(await madeBefore(hasher)).toBe(0)
    await hasher.stop()
  })

  it('should be made though another one for the same keys is cancelled', async () => {
    const hasher = pool({ worker: threadThat('say(items)') })
    const abort = new AbortController()
    const [one, two] = [hasher.publicKeys(jobs(100, 1), abort.signal), hasher.publicKeys(jobs(100, 1))]
    abort.abort()
    await expect(one).rejects.toMatchObject({ code: 'CANCELLED' })
    expect((await two).map((key) => key[0])).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
    expect(hasher.load).toMatchObject({ unmade: 0, queued: 0 })
    await hasher.stop()
  })

  it('should leave nothing to listen to when it is answered', async () => {
    const hasher = pool({ worker: threadThat('say(items)') })
    const { signal } = new AbortController()
    for (let txid = 0; txid < 20; txid++) await hasher.publicKeys(jobs(2, txid), signal)
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect(hasher.load).toMatchObject({ threads: 1, unmade: 0, queued: 0 })
    await hasher.stop()
  })

  it('should leave nothing behind while a thread hangs, however many are cancelled', async () => {
    const hasher = pool({ worker: threadThat('') })
    for (let txid = 0; txid < 50; txid++) {
      const abort = new AbortController()
      const asked = hasher.publicKeys(jobs(100, txid), abort.signal)
      abort.abort()
      await expect(asked).rejects.toMatchObject({ code: 'CANCELLED' })
    }
    expect(hasher.load).toMatchObject({ unmade: 14, queued: 0 })
    await hasher.stop()
  })

  it('should be refused where too many keys are waited for, whoever asks, and served again once they are made', async () => {
    const hasher = pool({ worker: threadThat('say(items)'), maxWaiting: 10 })
    await expect(hasher.publicKeys(jobs(11, 1))).rejects.toMatchObject({ code: 'OVERLOADED' })
    const held = hasher.publicKeys(jobs(10, 1))
    const [job] = jobs(1, 2) as [WotsJob]
    await expect(hasher.publicKeys([job])).rejects.toMatchObject({ code: 'OVERLOADED' })
    await expect(hasher.signature(job, new Uint8Array(16))).rejects.toMatchObject({ code: 'OVERLOADED' })
    // The same keys again: nothing more to hash, but somebody more to be held in memory.
    await expect(hasher.publicKeys(jobs(1, 1))).rejects.toMatchObject({ code: 'OVERLOADED' })
    await held
    expect(await hasher.publicKeys(jobs(11, 1).slice(0, 10))).toHaveLength(10)
    // What is remembered takes no place.
    expect(await hasher.publicKeys([...jobs(10, 1), ...jobs(10, 2)])).toHaveLength(20)
    await hasher.stop()
  })

  it('should give its places back when it is cancelled, and when it fails', async () => {
    const hasher = pool({ worker: threadThat('if (thread < 3) process.exit(); say(items)'), maxWaiting: 10 })
    for (let i = 0; i < 3; i++) {
      const abort = new AbortController()
      const asked = hasher.publicKeys(jobs(10, 1), abort.signal)
      abort.abort()
      await expect(asked).rejects.toMatchObject({ code: 'CANCELLED' })
    }
    await hasher.publicKeys(jobs(10, 2)).catch(() => {})
    expect(await hasher.publicKeys(jobs(10, 3))).toHaveLength(10)
    await hasher.stop()
  })
})

describe('a thread that hashes', () => {
  it.each([
    ['throws', 'throw new Error("no")'],
    ['ends without a word', 'process.exit(3)'],
    ['answers too little', 'parentPort.postMessage(items.slice(1).map(answer))'],
    ['answers what is too short', 'parentPort.postMessage(items.map(() => new Uint8Array(719)))'],
    ['answers nonsense', 'parentPort.postMessage("yes")'],
    ['answers what is no bytes', 'parentPort.postMessage(items.map((item) => [...answer(item)]))'],
  ])('should be replaced, and its work done by another one, if it %s', async (_what, does) => {
    const hasher = pool({ worker: threadThat(`if (thread === 1) { ${does} } else say(items)`) })
    const keys = await hasher.publicKeys(jobs(40, 1))
    expect(keys.every((key) => key.length === 720 && equalBytes(key, new Uint8Array(720).fill(key[0] ?? 0)))).toBe(true)
    await hasher.stop()
  })

  it('should be replaced if it hangs, and hang no more', async () => {
    using heard = hearing('beats')
    const hangs = "new BroadcastChannel('beats').postMessage(workerData); while (true) Atomics.add(words, 2, 1)"
    const hasher = pool({ worker: threadThat(`if (thread === 1) { ${hangs} } else say(items)`), sliceMs: 4_000 })
    expect(await hasher.publicKeys(jobs(20, 1))).toHaveLength(20)
    const words = new Int32Array((await heard.next()) as SharedArrayBuffer)
    await expect.poll(() => hasher.load.leaving, { timeout: 20_000 }).toBe(0)
    const before = Atomics.load(words, 2)
    await new Promise((next) => setTimeout(next, 50))
    expect([before > 0, Atomics.load(words, 2) - before]).toEqual([true, 0])
    await hasher.stop()
  })

  it('should be replaced if it ends while it has nothing to do', async () => {
    using heard = hearing('idle')
    // The next one ends as well: what is asked then has been tried by no thread that was gone before.
    const ends = 'if (thread === 2) process.exit(); say(items); if (thread === 1) setTimeout(() => process.exit(), 50)'
    const hasher = pool({ worker: threadThat(ends), logger: tellingLogger('idle') })
    await hasher.publicKeys(jobs(3, 1))
    await heard.next()
    expect(await hasher.publicKeys(jobs(3, 2))).toHaveLength(3)
    await hasher.stop()
  })

  it.each([
    ['throws', threadThat('throw new Error("no")')],
    ['can’t be loaded', new URL('data:text/javascript,import "nowhere"')],
    ['is not given by the system', new URL('http://127.0.0.1/none.js')],
  ])('should fail the request, and nothing else, if every one of them %s', async (_what, worker) => {
    const hasher = pool({ worker, threads: 2 })
    for (let txid = 0; txid < 2; txid++)
      await expect(hasher.publicKeys(jobs(40, txid))).rejects.toMatchObject({ code: 'CHAIN_THREAD' })
    const [job] = jobs(1, 1) as [WotsJob]
    await expect(hasher.signature(job, new Uint8Array(16))).rejects.toMatchObject({ code: 'CHAIN_THREAD' })
    await expect(hasher.start()).rejects.toMatchObject({ code: 'CHAIN_THREAD' })
    expect(hasher.load).toMatchObject({ unmade: 0 })
    await hasher.stop()
  })

  it('should be tried twice for the same keys, and no more: they may be what it dies of', async () => {
    using heard = hearing('attempts')
    const tells = "new BroadcastChannel('attempts').postMessage([thread, items[0].place.txid[0]])"
    const dies = `${tells}; setTimeout(() => process.exit(), 20)`
    const hasher = pool({ worker: threadThat(dies) })
    await expect(hasher.publicKeys(jobs(1, 1))).rejects.toMatchObject({ code: 'CHAIN_THREAD' })
    await expect(hasher.publicKeys(jobs(1, 2))).rejects.toMatchObject({ code: 'CHAIN_THREAD' })
    expect([await heard.next(), await heard.next(), await heard.next()]).toEqual([
      [1, 1],
      [2, 1],
      [3, 2],
    ])
    await hasher.stop()
  })
})

describe('threads that are stopped', () => {
  it('should fail what waits, leave no thread behind, and be asked in vain', async () => {
    const hasher = pool({ threads: 2 })
    await hasher.start()
    const asked = [hasher.publicKeys(jobs(1_500, 1)), hasher.publicKeys(jobs(1_500, 2))]
    const ends = Promise.allSettled(asked)
    await new Promise((next) => setImmediate(next))
    const stop = hasher.stop()
    expect(hasher.stop()).toBe(stop)
    for (const made of asked) await expect(made).rejects.toMatchObject({ code: 'STOPPED' })
    await ends
    await stop
    expect(hasher.load).toEqual({ threads: 0, leaving: 0, unmade: 0, queued: 0, cacheBytes: 0 })
    const [job] = jobs(1, 1) as [WotsJob]
    await expect(hasher.publicKeys([])).rejects.toMatchObject({ code: 'STOPPED' })
    await expect(hasher.signature(job, new Uint8Array(16))).rejects.toMatchObject({ code: 'STOPPED' })
    await expect(hasher.start()).rejects.toMatchObject({ code: 'STOPPED' })
  })

  it('should be stopped while they hang, and while they start', async () => {
    using heard = hearing('hangs')
    const hangs = "new BroadcastChannel('hangs').postMessage(0); setTimeout(() => { while (true); }, 20)"
    const hung = pool({ worker: threadThat(hangs) })
    const asked = hung.publicKeys(jobs(1, 1))
    const failed = expect(asked).rejects.toMatchObject({ code: 'STOPPED' })
    await heard.next()
    await hung.stop()
    await failed
    const starting = pool({ threads: 3 })
    const started = expect(starting.start()).rejects.toThrow(CodedError)
    await starting.stop()
    await started
  })

  it('should leave nothing of the material, in memory that they share', async () => {
    using heard = hearing('material')
    const tells = "new BroadcastChannel('material').postMessage(workerData); say(items)"
    const material = { wots128Material: new Uint8Array(32).fill(1), wots256Material: new Uint8Array(32).fill(2) }
    const hasher = pool({ worker: threadThat(tells), material })
    await hasher.publicKeys(jobs(1, 1))
    const shared = new Uint8Array((await heard.next()) as SharedArrayBuffer)
    // The first words are counters of this test.
    expect([...shared.subarray(8)]).toEqual([...Array(24).fill(1), ...Array(32).fill(2)])
    await hasher.stop()
    expect([...shared]).toEqual(Array(64).fill(0))
    expect([material.wots128Material[0], material.wots256Material[0]]).toEqual([1, 2])
  })

  it('should not be replaced if it is their end that stops them', async () => {
    const hasher: ChainHasher = pool({
      worker: threadThat('if (thread === 1) parentPort.postMessage(0); else say(items)'),
      logger: { ...silentLogger, warn: () => void hasher.stop() },
    })
    await expect(hasher.publicKeys(jobs(40, 1))).rejects.toMatchObject({ code: 'STOPPED' })
    await hasher.stop()
    await new Promise((next) => setImmediate(next))
    expect(hasher.load).toEqual({ threads: 0, leaving: 0, unmade: 0, queued: 0, cacheBytes: 0 })
  })

  it('should be stopped though none was ever begun', async () => {
    await pool().stop()
  })
})

describe('a process with threads that hash', () => {
  const FIXTURES = pathToFileURL(join(import.meta.dirname, 'chain-fixtures.ts')).href
  const inProcess = (code: string) =>
    promisify(execFile)(
      process.execPath,
      ['--input-type=module', '-e', `import { jobs, pool } from '${FIXTURES}'\n${code}`],
      { timeout: 25_000 },
    )

  it('should end when it has nothing else to do', async () => {
    const { stdout } = await inProcess('console.log((await pool().publicKeys(jobs(2, 1))).length)')
    expect(stdout.trim()).toBe('2')
  })

  it('should not end while somebody waits for them', async () => {
    const { stdout } = await inProcess('pool().publicKeys(jobs(300, 1)).then((keys) => console.log(keys.length))')
    expect(stdout.trim()).toBe('300')
  })

  it('should end in the middle of it when it is told to', async () => {
    const busy = 'const p = pool(); await p.start(); p.publicKeys(jobs(2000, 1)); setTimeout(() => process.exit(0), 20)'
    expect(await inProcess(busy)).toEqual({ stdout: '', stderr: '' })
  })
})
