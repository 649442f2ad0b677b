import { monitorEventLoopDelay } from 'node:perf_hooks'
import { beforeAll, describe, expect, it } from 'vitest'
import type { PublicKey } from '../../../src/base/index.ts'
import {
  checkDealings,
  combineShares,
  type Dealer,
  dealerFor,
  type KeyMaterial,
  makeKey,
  shareFor,
} from '../../../src/crypto/index.ts'
import { curve, KeyPair } from '../../../src/curve/index.ts'
import { interruptible, ThreadControl } from '../../../src/rounds/drivers/thread-control.ts'
import { keyThreads } from '../../../src/rounds/index.ts'

const SAID_AFTER_MS = 600
const SAYS_AT_LAST = `import { parentPort } from 'node:worker_threads'
parentPort.once('message', () => setTimeout(() => parentPort.postMessage({ kind: 'bad_shares', members: [] }), ${SAID_AFTER_MS}))`
/** Hears in shared memory that nobody waits for it any more, and takes its time. */
const IDLE_AFTER_MS = 400
const IDLE_AT_LAST = `import { parentPort, workerData } from 'node:worker_threads'
const words = new Int32Array(workerData)
parentPort.once('message', () => {
  while (Atomics.load(words, 0) === 0);
  Atomics.wait(words, 1, 0, ${IDLE_AFTER_MS})
  Atomics.store(words, 1, 1)
  Atomics.notify(words, 1)
})`
/** With `beats` it neither says anything nor hears anything, for ever, and counts. */
const HANGS_IF_TOLD = `import { parentPort } from 'node:worker_threads'
parentPort.once('message', ({ beats }) => {
  while (beats !== undefined) Atomics.add(new Int32Array(beats), 0, 1)
  parentPort.postMessage({ kind: 'bad_shares', members: [] })
})`
const failing = (code: string) => new URL(`data:text/javascript,${encodeURIComponent(code)}`)

/** What the first of `n` members was dealt. */
function dealt(
  n: number,
  threshold: number,
  spoil?: (member: number, dealer: Dealer) => Partial<{ share: Uint8Array; dealing: Dealer['dealing'] }>,
) {
  const members = Array.from({ length: n }, () => KeyPair.generate().publicKey).toSorted()
  const group = { members, threshold }
  const self = members[0] as PublicKey
  const dealers = members.map((m) => dealerFor(group, m))
  const spoilt = dealers.map((d, i) => ({ dealing: d.dealing, share: shareFor(d, self), ...spoil?.(i, d) }))
  const material = (): KeyMaterial => ({
    group,
    self,
    dealings: spoilt.map((d) => d.dealing),
    shares: Uint8Array.from(spoilt.flatMap((d) => [...d.share])),
  })
  const others = <T>(of: (d: (typeof spoilt)[0]) => T) =>
    new Map(members.slice(1).map((m, i) => [m, of(spoilt[i + 1] as (typeof spoilt)[0])] as const))
  return { group, members, self, dealer: dealers[0] as Dealer, material, others }
}

describe('a key made from data alone', () => {
  it('should be the one that the dealer makes', () => {
    const { group, self, dealer, material, others } = dealt(5, 3)
    expect(
      checkDealings(
        dealer,
        others((d) => d.dealing),
      ),
    ).toEqual({ ok: true })
    const combined = combineShares(
      group,
      self,
      dealer,
      others((d) => d.dealing),
      others((d) => d.share),
    )
    expect(makeKey(material())).toEqual({ kind: 'key', key: combined.ok && combined.key })
  })

  it('should leave none of the shares behind', () => {
    const { material } = dealt(3, 2)
    const given = material()
    makeKey(given)
    expect(given.shares.every((b) => b === 0)).toBe(true)
  })

  it('R19: should name whose share is not of its dealing', () => {
    const { members, material } = dealt(5, 3, (i) => (i === 3 ? { share: curve.randomScalar() } : {}))
    expect(makeKey(material())).toEqual({ kind: 'bad_shares', members: [members[3]] })
  })

  it.each([
    ['bad_proof_of_knowledge', (d: Dealer['dealing']) => ({ ...d, proofOfKnowledge: new Uint8Array(64).fill(1) })],
    ['wrong_commitment_count', (d: Dealer['dealing']) => ({ ...d, commitments: d.commitments.slice(1) })],
    ['malformed', (d: Dealer['dealing']) => ({ ...d, commitments: d.commitments.map(() => new Uint8Array(33)) })],
  ] as const)('R19: should name whose dealing is %s', (fault, change) => {
    const { members, material } = dealt(4, 3, (i, d) => (i === 2 ? { dealing: change(d.dealing) } : {}))
    expect(makeKey(material())).toEqual({ kind: 'bad_dealings', faults: new Map([[members[2], fault]]) })
  })
})

describe('a thread that makes a key', () => {
  it('should make the same key as this one', async () => {
    const { material } = dealt(17, 12)
    expect(await keyThreads()(material())).toEqual(makeKey(material()))
  })

  it('should take the shares over: nothing of them stays here', async () => {
    const given = dealt(3, 2).material()
    await keyThreads()(given)
    expect(given.shares.every((b) => b === 0)).toBe(true)
  })

  it.each([
    ['throws', 'throw new Error("no")'],
    ['ends without a word', 'process.exit(3)'],
    ['can’t be loaded', 'import "nowhere"'],
  ])('should fail the attempt, and nothing else, if it %s', async (_, code) => {
    const given = dealt(3, 2).material()
    await expect(keyThreads(failing(code))(given)).rejects.toMatchObject({ code: 'KEYGEN_THREAD' })
    expect(given.shares.every((b) => b === 0)).toBe(true)
  })

  it('should give its turn back, and leave no share behind, where the system gives no thread', async () => {
    // Refused in the constructor of a thread, as where the system has none left.
    const make = keyThreads(new URL('http://127.0.0.1/none.js'), { makeMs: 300 })
    const listeners = process.listenerCount('exit')
    for (let i = 0; i < 4; i++) {
      const copy = new Uint8Array(64).fill(9)
      const shares = Object.assign(new Uint8Array(64).fill(9), { slice: () => copy })
      const { publicKey: self } = KeyPair.generate()
      const made = make({ group: { members: [], threshold: 2 }, self, dealings: [], shares })
      await expect(made).rejects.toMatchObject({ code: 'KEYGEN_THREAD', message: expect.not.stringMatching(/busy/) })
      for (const left of [copy, shares]) expect([...left]).toEqual(Array(64).fill(0))
    }
    expect(process.listenerCount('exit')).toBe(listeners)
  })

  it('should be given up after its deadline', async () => {
    const slow = failing('setInterval(() => {}, 1000)')
    await expect(keyThreads(slow, { makeMs: 200 })(dealt(3, 2).material())).rejects.toMatchObject({
      code: 'KEYGEN_THREAD',
    })
  })

  it('should be given up with its attempt', async () => {
    const attempt = new AbortController()
    const made = keyThreads(failing('setTimeout(() => {}, 500)'))(dealt(3, 2).material(), attempt.signal)
    attempt.abort()
    await expect(made).rejects.toMatchObject({ code: 'KEYGEN_THREAD' })
  })

  it('should go on to its end when its attempt is given up, and keep its turn until then', async () => {
    // Stopped inside the addon a thread takes the whole process with it.
    const make = keyThreads(failing(SAYS_AT_LAST), { makeMs: 5_000 })
    const attempt = new AbortController()
    const given = [make(dealt(3, 2).material(), attempt.signal), make(dealt(3, 2).material(), attempt.signal)]
    await new Promise((next) => setImmediate(next))
    const beginMs = performance.now()
    attempt.abort()
    for (const made of given) await expect(made).rejects.toMatchObject({ code: 'KEYGEN_THREAD' })
    const next = await make(dealt(3, 2).material())
    expect(next.kind).toBe('bad_shares')
    expect(performance.now() - beginMs).toBeGreaterThan(2 * SAID_AFTER_MS - 50)
  })

  it('should end nothing but itself, whenever its attempt is given up', async () => {
    const { material } = dealt(17, 12)
    const make = keyThreads()
    for (let ms = 40; ms < 400; ms += 30) {
      const made = make(material(), AbortSignal.timeout(ms))
      await made.then(
        () => {},
        (error: unknown) => expect(error).toMatchObject({ code: 'KEYGEN_THREAD' }),
      )
    }
  })

  it('should stop between two calls of the curve, whatever they are, when nobody waits for it any more', () => {
    const { material } = dealt(4, 3)
    const control = new ThreadControl()
    let calls = 0
    const counted = new Proxy(curve, {
      get: (port, name) => {
        const found: unknown = Reflect.get(port, name)
        if (typeof found !== 'function') return found
        return (...args: readonly unknown[]) => {
          if (++calls === 3) control.stop()
          return Reflect.apply(found, port, args)
        }
      },
    })
    const given = material()
    expect(() => makeKey(given, interruptible(counted, control))).toThrow(/nobody waits/)
    expect(calls).toBe(3)
    expect(given.shares.every((b) => b === 0)).toBe(true)
  })

  it('should make the same key with a curve that may be interrupted', () => {
    const { material } = dealt(4, 3)
    expect(makeKey(material(), interruptible(curve, new ThreadControl()))).toEqual(makeKey(material()))
  })

  it('should be stopped by force, and its turn be free, if it hangs for good', async () => {
    const beats = new SharedArrayBuffer(4)
    const hung = keyThreads(failing(HANGS_IF_TOLD), { makeMs: 20_000, leaveMs: 300 })
    const attempt = new AbortController()
    const counted = () => Atomics.load(new Int32Array(beats), 0)
    const given = () => dealt(3, 2).material()
    const stuck = [1, 2].map(() => hung({ ...given(), beats } as KeyMaterial, attempt.signal))
    const ends = Promise.allSettled(stuck)
    await expect.poll(counted, { timeout: 20_000 }).toBeGreaterThan(0)
    attempt.abort()
    await ends
    for (const made of stuck) await expect(made).rejects.toMatchObject({ code: 'KEYGEN_THREAD' })
    await expect
      .poll(
        () =>
          hung(given()).then(
            (made) => made.kind,
            () => 'no turn',
          ),
        { timeout: 10_000 },
      )
      .toBe('bad_shares')
    const before = counted()
    await new Promise((next) => setTimeout(next, 50))
    expect(counted()).toBe(before)
  })

  it('should stand still at the end of the process until it is out of the addon', async () => {
    const before = process.listeners('exit')
    const threads = keyThreads(failing(IDLE_AT_LAST), { makeMs: 60_000 })
    const made = threads(dealt(3, 2).material())
    await new Promise((next) => setImmediate(next))
    const [atExit, ...more] = process.listeners('exit').filter((l) => !before.includes(l))
    expect(more).toEqual([])
    const beginMs = performance.now()
    atExit?.(0)
    expect(performance.now() - beginMs).toBeGreaterThan(IDLE_AFTER_MS - 50)
    await expect(made).rejects.toMatchObject({ code: 'KEYGEN_THREAD' })
  })

  it('should leave none behind when all are stopped, and none is begun after that', async () => {
    const before = process.listeners('exit')
    const threads = keyThreads(failing(HANGS_IF_TOLD), { makeMs: 20_000, leaveMs: 300 })
    const given = () => ({ ...dealt(3, 2).material(), beats: new SharedArrayBuffer(4) }) as KeyMaterial
    const made = [1, 2, 3].map(() => threads(given()))
    const ends = Promise.allSettled(made)
    await new Promise((next) => setImmediate(next))
    const begun = threads(given())
    const early = expect(begun).rejects.toMatchObject({ code: 'STOPPED' })
    await threads.stop()
    await early
    expect((await ends).map((r) => r.status)).toEqual(['rejected', 'rejected', 'rejected'])
    const late = given()
    await expect(threads(late, new AbortController().signal)).rejects.toMatchObject({ code: 'STOPPED' })
    expect(late.shares.every((b) => b === 0)).toBe(true)
    expect(process.listeners('exit').filter((l) => !before.includes(l))).toEqual([])
  })

  it('should wait for its turn, and no longer than a key may take', async () => {
    const make = keyThreads(failing('setInterval(() => {}, 1000)'), { makeMs: 300 })
    const all = await Promise.allSettled([1, 2, 3, 4].map(() => make(dealt(3, 2).material())))
    expect(all.map((r) => r.status)).toEqual(Array(4).fill('rejected'))
  })

  describe('of 67 of 100 members', () => {
    let large: ReturnType<typeof dealt>
    beforeAll(() => {
      large = dealt(100, 67)
    }, 60_000)

    it('should leave the event loop to its heartbeats', async () => {
      const given = large.material()
      const lag = monitorEventLoopDelay({ resolution: 5 })
      lag.enable()
      const beginMs = performance.now()
      const made = await keyThreads()(given)
      lag.disable()
      expect(made.kind).toBe('key')
      process.stderr.write(
        `67 of 100 on a thread: ${Math.round(performance.now() - beginMs)} ms, the loop at most ${Math.round(lag.max / 1e6)} ms late\n`,
      )
      // A heartbeat is due every 10 s; generous for a busy machine, and far below what the key itself takes without fast curves.
      expect(lag.max / 1e6).toBeLessThan(1_000)
    })
  })
})
