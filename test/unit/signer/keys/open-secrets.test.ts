import { describe, expect, it } from 'vitest'
import { KeyPair, randomBytes } from '../../../../src/curve/index.ts'
import { MemoryShelf } from '../../../../src/signer/keys/memory-backend.ts'
import { OpenSecrets } from '../../../../src/signer/keys/open-secrets.ts'
import { SIGNING } from './support.ts'

const ZEROS = new Uint8Array(32)
const tick = () => new Promise(setImmediate)

describe('open secrets', () => {
  it('should be opened once for many uses, and erased when they are closed', async () => {
    const open = new OpenSecrets(4)
    const secret = randomBytes(32)
    let times = 0
    const load = async () => {
      times++
      return secret
    }
    const seen = await Promise.all([1, 2, 3].map(() => open.use('a', load, (s) => s[0])))
    expect(seen).toEqual([secret[0], secret[0], secret[0]])
    await open.use('a', load, () => undefined)
    expect(times).toBe(1)
    expect(secret).not.toEqual(ZEROS)
    await open.close()
    expect(secret).toEqual(ZEROS)
  })
  it('should be so many and no more: the one unused for longest is erased', async () => {
    const open = new OpenSecrets(2)
    const secrets = new Map(['a', 'b', 'c'].map((ref) => [ref, randomBytes(32)] as const))
    const use = (ref: string) =>
      open.use(
        ref,
        async () => secrets.get(ref) ?? ZEROS,
        () => undefined,
      )
    for (const ref of ['a', 'b', 'a', 'c']) await use(ref)
    await tick()
    expect([...secrets].filter(([, s]) => s.every((b) => b === 0)).map(([ref]) => ref)).toEqual(['b'])
  })
  it('should never lend what is half erased: whoever waits for it when it is pushed out still gets it whole', async () => {
    const open = new OpenSecrets(1)
    const secret = randomBytes(32)
    const copy = secret.slice()
    const { promise, resolve } = Promise.withResolvers<Uint8Array>()
    const waiting = open.use(
      'a',
      () => promise,
      (s) => s.slice(),
    )
    await open.use(
      'b',
      async () => randomBytes(32),
      () => undefined,
    )
    open.forget('a')
    const closed = open.close()
    resolve(secret)
    expect(await waiting).toEqual(copy)
    await closed
    expect(secret).toEqual(ZEROS)
  })
  it('should not remember that an opening failed', async () => {
    const open = new OpenSecrets(1)
    await expect(
      open.use(
        'a',
        () => Promise.reject(new Error('no')),
        () => 1,
      ),
    ).rejects.toThrow('no')
    expect(
      await open.use(
        'a',
        async () => randomBytes(32),
        () => 2,
      ),
    ).toBe(2)
    await open.close()
  })
  it('should be erased although a use threw', async () => {
    const open = new OpenSecrets(1)
    const secret = randomBytes(32)
    const failing = () => {
      throw new Error('bad peer')
    }
    await expect(open.use('a', async () => secret, failing)).rejects.toThrow('bad peer')
    await open.close()
    expect(secret).toEqual(ZEROS)
  })
})

describe('secrets in memory', () => {
  it('should be a copy of their own, erased by destroy and by stop', async () => {
    const shelf = new MemoryShelf()
    const owner = KeyPair.generate()
    const lent: Uint8Array[] = []
    for (const version of [1, 2]) {
      const label = { ...SIGNING, id: '00'.repeat(16), version, createdAtMs: 1 }
      const secret = owner.exposeSecret()
      const ref = await shelf.keep({ label, publicKey: new Uint8Array(33), secret })
      secret.fill(0)
      await shelf.use({ ...label, ref, publicKey: new Uint8Array(33) }, (s) => lent.push(s))
    }
    expect(lent.map((s) => s.every((b) => b === 0))).toEqual([false, false])
    await shelf.destroy((await shelf.refs())[0] ?? '')
    expect(lent.map((s) => s.every((b) => b === 0))).toEqual([true, false])
    await shelf.stop()
    expect(lent.map((s) => s.every((b) => b === 0))).toEqual([true, true])
    expect(await shelf.refs()).toEqual([])
  })
})
