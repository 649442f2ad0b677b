import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { encodeFields, LIMITS, silentLogger, toHex } from '../../../../src/base/index.ts'
import { randomBytes } from '../../../../src/curve/index.ts'
import { type KeyBackend, type KeyHandle, keyService } from '../../../../src/signer/index.ts'
import { decodeBackup, encodeBackup } from '../../../../src/signer/keys/key-records.ts'
import { openStore, sealTo } from '../../../../src/store/index.ts'
import { codeThrownBy, tempFolders } from '../../store/temp-folder.ts'
import {
  DH,
  ED,
  fileBackend,
  type KeyNode,
  keptLog,
  keyNode,
  memoryBackend,
  openKeys,
  rawOf,
  SIGNING,
  specOf,
} from './support.ts'

const tempFolder = tempFolders()
const { logger, lines } = keptLog()
const node = () => keyNode(tempFolder(), logger)
const filesOf = ({ dir }: KeyNode) => (existsSync(dir) ? readdirSync(dir) : [])
/** A backend with some of its methods replaced. */
const altered = (backend: KeyBackend, change: Partial<KeyBackend>): KeyBackend => ({ ...backend, ...change })

describe('a crash', () => {
  it('should find the secret on disk before its key is listed, and the list on disk before anybody is told', async () => {
    const of = await node()
    const keys = await openKeys(of)
    const { promise: gate, resolve: release } = Promise.withResolvers<void>()
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
    const put = of.space.put.bind(of.space)
    of.space.put = (key, value) => {
      reach()
      return put(key, value)
    }
    of.space.gate = gate
    let isAnswered = false
    const made = keys.generate(SIGNING).finally(() => {
      isAnswered = true
    })
    await reached
    expect(filesOf(of)).toHaveLength(1)
    expect(of.space.values.size).toBe(0)
    expect(keys.list()).toEqual([])
    await new Promise(setImmediate)
    expect(isAnswered).toBe(false)
    release()
    await made
    expect(of.space.values.size).toBe(1)
    expect(keys.list()).toHaveLength(1)
    await keys.stop()
  })
  it('should leave a secret that nobody was told of, which is told of and in no later key’s way', async () => {
    const of = await node()
    const keys = await openKeys(of)
    of.space.failure = new Error('the machine went down')
    expect(await codeThrownBy(keys.generate(SIGNING))).toBe('KEY_BACKEND')
    expect(keys.list()).toEqual([])
    of.space.failure = undefined
    await keys.stop()
    lines.length = 0
    const again = await openKeys(of)
    expect(lines.filter((l) => l.includes('listed nowhere'))).toHaveLength(1)
    expect(again.list()).toEqual([])
    await again.generate(SIGNING)
    expect(filesOf(of)).toHaveLength(2)
    await again.stop()
  })
  it('should leave the old version signing where a rotation was not listed', async () => {
    const of = await node()
    const keys = await openKeys(of)
    const before = await keys.generate(SIGNING)
    of.space.failure = new Error('the machine went down')
    expect(await codeThrownBy(keys.rotate(SIGNING.name))).toBe('KEY_BACKEND')
    of.space.failure = undefined
    expect(keys.list()).toEqual([before])
    await keys.stop()
    const again = await openKeys(of)
    expect(again.list()).toEqual([before])
    expect((await again.rotate(SIGNING.name)).versions.map((v) => v.version)).toEqual([1, 2])
    await again.stop()
  })
  it('should not bring a dropped key back, and have it erased in the end', async () => {
    const of = await node()
    const broken = altered(fileBackend(of), { destroy: () => Promise.reject(new Error('the machine went down')) })
    const keys = await openKeys(of, broken)
    await keys.generate(SIGNING)
    await keys.generate(specOf('spare'))
    const { token } = await keys.drop('spare')
    expect(await keys.drop('spare', token)).toMatchObject({ dropped: true })
    expect(keys.list()).toHaveLength(1)
    await keys.stop()
    expect(filesOf(of)).toHaveLength(2)
    // Still broken: the others go on.
    const still = await openKeys(of, broken)
    expect(still.list().map((k) => k.name)).toEqual([SIGNING.name])
    expect(await codeThrownBy(still.sign({ name: 'spare' }, 'schnorr', rawOf(1)))).toBe('KEY_NOT_FOUND')
    await still.stop()
    const again = await openKeys(of)
    expect(again.list().map((k) => k.name)).toEqual([SIGNING.name])
    expect(filesOf(of)).toHaveLength(1)
    expect(of.space.values.size).toBe(1)
    await again.stop()
  })
  it('should leave nothing of a backup of which only half was kept', async () => {
    const [from, of] = [await node(), await node()]
    const there = await openKeys(from)
    await there.generate(SIGNING)
    await there.rotate(SIGNING.name)
    const keys = await openKeys(of)
    const sealed = await there.backup(SIGNING.name, await keys.provisionRecipient())
    let times = 0
    const { seal } = of.sealer
    Object.assign(of.sealer, {
      seal: (plaintext: Uint8Array) => (++times === 2 ? Promise.reject(new Error('disk full')) : seal(plaintext)),
    })
    expect(await codeThrownBy(keys.provision(sealed))).toBe('KEY_BACKEND')
    expect([filesOf(of), keys.list(), of.space.values.size]).toEqual([[], [], 0])
    expect(await keys.provision(sealed)).toMatchObject({ name: SIGNING.name })
    await Promise.all([keys.stop(), there.stop()])
  })
  it('should lose nothing with the store that a node runs on', async () => {
    const of = await node()
    const dir = join(tempFolder(), 'store')
    const run = async <T>(work: (keys: ReturnType<typeof keyService>) => Promise<T>) => {
      const store = openStore({ dir, logger: silentLogger })
      await store.start()
      const keys = keyService({ ...of, backend: fileBackend(of), space: store.space('keys') })
      await keys.start()
      const result = await work(keys)
      await keys.stop()
      await store.stop()
      return result
    }
    const before = await run(async (keys) => {
      for (const spec of [SIGNING, ED, DH]) await keys.generate(spec)
      await keys.rotate(ED.name)
      return keys.list()
    })
    expect(await run(async (keys) => keys.list())).toEqual(before)
    expect(before.map((k) => k.name)).toEqual(['consensus-1', 'discovery', 'handshake'])
  })
})

describe('a backend that', () => {
  it('hangs should cost its caller the deadline, and nobody else anything', async () => {
    const of = await node()
    const inside = memoryBackend(of)
    let hangs = true
    const never = new Promise<never>(() => {})
    const keys = await openKeys(
      of,
      altered(inside, {
        generate: (label) => (hangs ? never : inside.generate(label)),
        sign: (handle, ...rest) => (handle.name === 'slow' ? never : inside.sign(handle, ...rest)),
      }),
    )
    const lost = codeThrownBy(keys.generate(SIGNING))
    const next = keys.generate(specOf('slow'))
    await new Promise(setImmediate)
    hangs = false
    of.clock.advance(LIMITS.keyBackendTimeoutMs)
    expect(await lost).toBe('KEY_BACKEND')
    expect((await next).name).toBe('slow')
    await keys.generate(SIGNING)
    const slow = codeThrownBy(keys.sign({ name: 'slow' }, 'schnorr', rawOf(1)))
    expect(await keys.sign({ name: SIGNING.name }, 'schnorr', rawOf(1))).toHaveLength(64)
    await new Promise(setImmediate)
    of.clock.advance(LIMITS.keyBackendTimeoutMs)
    expect(await slow).toBe('KEY_BACKEND')
    expect(keys.troubles().map((t) => t.name)).toEqual(['slow'])
    await keys.stop()
  })
  it('makes wrong signatures should not have them given out, and be told of', async () => {
    const of = await node()
    const inside = memoryBackend(of)
    let wrong: KeyHandle | undefined
    const keys = await openKeys(
      of,
      altered(inside, { sign: (handle, ...rest) => inside.sign(wrong ?? handle, ...rest) }),
    )
    await keys.generate(SIGNING)
    await keys.generate(specOf('other'))
    await keys.generate(ED)
    for (const scheme of ['schnorr', 'ecdsa'] as const) {
      wrong = undefined
      expect(await keys.sign({ name: 'other' }, scheme, rawOf(1))).toHaveLength(64)
      const other = await inside.refs()
      wrong = {
        ...SIGNING,
        ref: other[0] ?? '',
        id: keys.list()[0]?.id ?? '',
        version: 1,
        createdAtMs: of.clock.now(),
        publicKey: new Uint8Array(33),
      }
      expect(await codeThrownBy(keys.sign({ name: 'other' }, scheme, rawOf(1)))).toBe('KEY_BACKEND')
      expect(keys.troubles()).toMatchObject([{ name: 'other', why: expect.stringContaining('not of this key') }])
    }
    await keys.stop()
  })
  it('answers anything else than 64 bytes should not have it given out', async () => {
    const of = await node()
    const inside = memoryBackend(of)
    let answer: Uint8Array = new Uint8Array(0)
    const keys = await openKeys(of, altered(inside, { sign: async () => answer, agree: async () => answer }))
    for (const spec of [SIGNING, ED, DH]) await keys.generate(spec)
    for (const length of [0, 63, 64, 65, 31, 33]) {
      answer = randomBytes(length)
      expect(await codeThrownBy(keys.sign({ name: SIGNING.name }, 'ecdsa', rawOf(1)))).toBe('KEY_BACKEND')
      expect(await codeThrownBy(keys.sign({ name: ED.name }, 'ed25519', rawOf(1)))).toBe('KEY_BACKEND')
      expect(await codeThrownBy(keys.agree({ name: DH.name }, randomBytes(32), 'c'))).toBe('KEY_BACKEND')
    }
    answer = new Uint8Array(32)
    expect(await codeThrownBy(keys.agree({ name: DH.name }, randomBytes(32), 'c'))).toBe('BAD_REQUEST')
    await keys.stop()
  })
  it('fails should be a coded failure, whatever it throws', async () => {
    const of = await node()
    for (const thrown of [new Error('PKCS11: 0x30'), new TypeError('x'), 'text', undefined]) {
      const failing = altered(memoryBackend(of), { generate: () => Promise.reject(thrown) })
      const keys = await openKeys(of, failing)
      expect(await codeThrownBy(keys.generate(SIGNING))).toBe('KEY_BACKEND')
      await keys.stop()
    }
  })
  it('does not start should leave the service stopped, and startable', async () => {
    const of = await node()
    let stops = 0
    let isBroken = true
    const inside = memoryBackend(of)
    const backend = altered(inside, {
      refs: () => (isBroken ? Promise.reject(new Error('no')) : inside.refs()),
      stop: () => {
        stops++
        return inside.stop()
      },
    })
    const keys = keyService({ ...of, backend })
    expect(await codeThrownBy(keys.start())).toBe('KEY_BACKEND')
    expect(stops).toBe(1)
    expect(() => keys.list()).toThrow(/not running/)
    isBroken = false
    await keys.start()
    expect(keys.list()).toEqual([])
    await keys.stop()
  })
})

describe('the list of keys', () => {
  it.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ['nothing', () => new Uint8Array(0)],
    ['something else', () => encodeFields('countersign-share-v1', 'x')],
    ['half of it', (bytes) => bytes.subarray(0, bytes.length / 2)],
    ['one byte more', (bytes) => Uint8Array.of(...bytes, 0)],
    ['a name that is none', (bytes) => replaced(bytes, 'consensus-1', 'CONSENSUS-1')],
    ['a type that is none', (bytes) => replaced(bytes, 'secp256k1', 'secp256r1')],
    ['a type whose keys are shorter', (bytes) => replaced(bytes, 'secp256k1', 'x25519\0\0\0')],
    ['a state that is none', (bytes) => replaced(bytes, 'kept', 'held')],
  ])('should not be opened with an entry of %s', async (_, harm) => {
    const of = await node()
    const keys = await openKeys(of)
    const { id } = await keys.generate(SIGNING)
    await keys.stop()
    of.space.values.set(id, harm(of.space.values.get(id) ?? new Uint8Array(0)))
    const error = await openKeys(of).catch((e: Error) => e)
    expect(error).toMatchObject({ code: 'KEY_BACKEND', message: expect.stringContaining(id) })
  })
  it('should not be opened with two keys of one name', async () => {
    const of = await node()
    const keys = await openKeys(of)
    const [a] = [await keys.generate(SIGNING), await keys.generate(specOf('consensus-2'))]
    await keys.stop()
    const entry = of.space.values.get(a.id) ?? new Uint8Array(0)
    for (const [id, bytes] of of.space.values) if (id !== a.id && bytes.length > 0) of.space.values.set(id, entry)
    expect(await codeThrownBy(openKeys(of))).toBe('KEY_BACKEND')
  })
  it('should hold so many keys and no more, made or provisioned', async () => {
    const [of, from] = [await node(), await node()]
    const [keys, there] = [await openKeys(of, memoryBackend(of)), await openKeys(from, memoryBackend(from))]
    const waiting = Array.from({ length: LIMITS.maxKeys + 5 }, (_, i) => codeThrownBy(keys.generate(specOf(`k${i}`))))
    const codes = await Promise.all(waiting)
    expect(codes.filter((c) => c === 'TOO_MANY_KEYS')).toHaveLength(5)
    expect(keys.list()).toHaveLength(LIMITS.maxKeys)
    await there.generate(SIGNING)
    const sealed = await there.backup(SIGNING.name, of.sealer.recipient)
    expect(await codeThrownBy(keys.provision(sealed))).toBe('TOO_MANY_KEYS')
    const { token } = await keys.drop('k0')
    await keys.drop('k0', token)
    expect(await keys.provision(sealed)).toMatchObject({ name: SIGNING.name })
    await Promise.all([keys.stop(), there.stop()])
  })
  it('should not be changed by whoever changes what it answered', async () => {
    const of = await node()
    const keys = await openKeys(of)
    await keys.generate(SIGNING)
    const before = toHex(keys.publicKey({ name: SIGNING.name }).publicKey)
    keys.publicKey({ name: SIGNING.name }).publicKey.fill(0)
    keys.list()[0]?.versions[0]?.publicKey.fill(0)
    expect(toHex(keys.publicKey({ name: SIGNING.name }).publicKey)).toBe(before)
    expect(await keys.sign({ name: SIGNING.name }, 'ecdsa', rawOf(1))).toHaveLength(64)
    await keys.stop()
  })
})

it('should not take a key in that is there under another name, which shows by its id', async () => {
  const of = await node()
  const keys = await openKeys(of)
  await keys.generate(SIGNING)
  const sealed = await keys.backup(SIGNING.name, of.sealer.recipient)
  const opened = decodeBackup(await of.sealer.open(sealed))
  const renamed = (opened?.versions ?? []).map((v) => ({ ...v, label: { ...v.label, name: 'renamed' } }))
  const again = await sealTo(of.sealer.recipient, encodeBackup(of.owner, renamed))
  const error = await keys.provision(again).catch((e: Error) => e)
  expect(error).toMatchObject({ code: 'KEY_EXISTS', message: expect.stringContaining('by its id') })
  expect(filesOf(of)).toHaveLength(1)
  await keys.stop()
})

it('should take the second step of a drop in the same run as the first alone', async () => {
  const of = await node()
  const keys = await openKeys(of)
  await keys.generate(SIGNING)
  await keys.generate(specOf('spare'))
  const { token } = await keys.drop('spare')
  await keys.stop()
  await keys.start()
  expect(await codeThrownBy(keys.drop('spare', token))).toBe('BAD_REQUEST')
  await keys.stop()
})

it('should rotate a key or drop it, when both come at once, and not both half', async () => {
  const of = await node()
  const keys = await openKeys(of)
  await keys.generate(SIGNING)
  await keys.generate(specOf('spare'))
  const { token } = await keys.drop('spare')
  expect(await Promise.all([keys.drop('spare', token), keys.rotate('spare')].map(codeThrownBy))).toEqual([
    undefined,
    'KEY_NOT_FOUND',
  ])
  expect(filesOf(of)).toHaveLength(1)
  await keys.stop()
})

it('should log what was done with which key, and no secret, backup or token', async () => {
  lines.length = 0
  const [of, from] = [await node(), await node()]
  const [keys, there] = [await openKeys(of), await openKeys(from)]
  await keys.generate(SIGNING)
  await keys.rotate(SIGNING.name)
  await there.provision(await keys.backup(SIGNING.name, await there.provisionRecipient()))
  await keys.generate(specOf('spare'))
  const { token } = await keys.drop('spare')
  await keys.drop('spare', token)
  await Promise.all([keys.stop(), there.stop()])
  const text = lines.join('\n')
  for (const what of ['made', 'rotated', 'backed up', 'provisioned', 'dropped']) expect(text).toContain(what)
  expect(text).not.toContain(toHex(token ?? new Uint8Array(1)))
  expect(text).not.toMatch(/AGE-SECRET|(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/)
})

/** Latin-1 text inside bytes, by text as long. */
function replaced(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1')
  expect(text).toContain(from)
  expect(to).toHaveLength(from.length)
  return Uint8Array.from(Buffer.from(text.replace(from, to), 'latin1'))
}
