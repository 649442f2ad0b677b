import { afterEach, describe, expect, it } from 'vitest'
import { isHex, LIMITS, toHex } from '../../../../src/base/index.ts'
import { randomBytes, x25519 } from '../../../../src/curve/index.ts'
import {
  type BackendAbilities,
  digestOf,
  KEY_SCHEMES,
  KEY_TYPES,
  type KeyBackend,
  type KeyError,
  type KeyScheme,
  type KeySpec,
  type KeyType,
  verifyKeySignature,
} from '../../../../src/signer/index.ts'
import { generateStorageIdentity, sealerOf, sealTo } from '../../../../src/store/index.ts'
import { codeThrownBy } from '../../store/temp-folder.ts'
import { type KeyNode, messageOf, openKeys, rawOf } from './support.ts'

export interface Backend {
  readonly name: string
  readonly can: BackendAbilities
  /** Its secrets outlive a stop. */
  readonly durable: boolean
  node(): Promise<KeyNode>
  make(node: KeyNode): KeyBackend
}

const SPECS: Readonly<Record<KeyType, KeySpec>> = {
  secp256k1: { type: 'secp256k1', name: 'consensus-1', role: 'consensus', capabilities: ['sign', 'export'] },
  ed25519: { type: 'ed25519', name: 'discovery-1', role: 'discovery', capabilities: ['sign', 'export'] },
  x25519: { type: 'x25519', name: 'handshake-1', role: 'handshake', capabilities: ['agree', 'export'] },
}
const TYPE_OF: Readonly<Record<KeyScheme, KeyType>> = { schnorr: 'secp256k1', ecdsa: 'secp256k1', ed25519: 'ed25519' }

/** What every backend must do behind the key service, and what it must say where it can't. */
export function describeBackend(backend: Backend): void {
  const { can, durable } = backend
  const stops: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop()
  })
  const open = async (known?: KeyNode) => {
    const node = known ?? (await backend.node())
    const keys = await openKeys(node, backend.make(node))
    stops.push(() => keys.stop())
    return { node, keys }
  }
  /** A service with one key of each type that the backend makes. */
  const withKeys = async () => {
    const opened = await open()
    for (const type of can.types) await opened.keys.generate(SPECS[type])
    return opened
  }
  const first = SPECS[can.types[0] ?? 'secp256k1']
  const schemeOf = (type: KeyType) => can.schemes.find((s) => TYPE_OF[s] === type) ?? 'schnorr'

  describe(`a key of the ${backend.name} backend`, () => {
    it.each(can.types)('should be made, listed, and named by an id of its own: %s', async (type) => {
      const { keys } = await open()
      const info = await keys.generate(SPECS[type])
      expect(info).toMatchObject({ ...SPECS[type], dropping: false })
      expect(isHex(info.id, 16)).toBe(true)
      expect(info.versions).toHaveLength(1)
      expect(info.versions[0]?.version).toBe(1)
      expect(info.versions[0]?.publicKey).toHaveLength(type === 'secp256k1' ? 33 : 32)
      expect(keys.list()).toEqual([info])
      expect(keys.publicKey({ name: info.name })).toEqual({ ...info.versions[0], type })
      expect(keys.publicKey({ name: info.name, version: 1 }).publicKey).toEqual(info.versions[0]?.publicKey)
      expect(keys.troubles()).toEqual([])
    })
    it('should differ from every other', async () => {
      const { keys } = await open()
      const a = await keys.generate({ ...first, name: 'a' })
      const b = await keys.generate({ ...first, name: 'b' })
      expect(a.id).not.toBe(b.id)
      expect(a.versions[0]?.publicKey).not.toEqual(b.versions[0]?.publicKey)
    })
    it.each(KEY_TYPES.filter((t) => !can.types.includes(t)))('should be refused by type: %s', async (type) => {
      const { keys } = await open()
      expect(await codeThrownBy(keys.generate(SPECS[type]))).toBe('KEY_NOT_CAPABLE')
      expect(keys.list()).toEqual([])
    })
    it('should not be made under a name that is taken, also when both come at once', async () => {
      const { keys } = await open()
      const codes = await Promise.all([keys.generate(first), keys.generate(first)].map(codeThrownBy))
      expect(codes).toEqual([undefined, 'KEY_EXISTS'])
      expect(await codeThrownBy(keys.generate(first))).toBe('KEY_EXISTS')
      expect(keys.list()).toHaveLength(1)
    })
    it.each<[string, Partial<Record<keyof KeySpec, unknown>>, string]>([
      ['no name', { name: '' }, 'name'],
      ['a long name', { name: 'a'.repeat(65) }, 'name'],
      ['a path for a name', { name: '../a' }, 'name'],
      ['capitals', { name: 'A' }, 'name'],
      ['a line break', { name: 'a\n' }, 'name'],
      ['no role', { role: '' }, 'role'],
      ['a role of spaces', { role: 'a b' }, 'role'],
      ['another type', { type: 'rsa' }, 'type'],
      ['no capability', { capabilities: [] }, 'capabilities'],
      ['a capability twice', { capabilities: ['export', 'export'] }, 'capabilities'],
      ['a capability that is none', { capabilities: ['everything'] }, 'capabilities'],
      ['one that its type has not', { capabilities: [first.type === 'x25519' ? 'sign' : 'agree'] }, 'capabilities'],
    ])('should not be made of %s', async (_, change, field) => {
      const { keys } = await open()
      const error = await keys.generate({ ...first, ...change } as KeySpec).catch((e: KeyError) => e)
      expect(error).toMatchObject({ code: 'BAD_REQUEST', data: { field, expected: expect.any(String) } })
      expect(keys.list()).toEqual([])
    })
  })

  describe(`signing by the ${backend.name} backend`, () => {
    it.each(can.schemes)('should verify, of messages and of digests: %s', async (scheme) => {
      const { keys } = await withKeys()
      const name = SPECS[TYPE_OF[scheme]].name
      const { publicKey } = keys.publicKey({ name })
      for (const message of [messageOf('consensus/block', 'one'), messageOf('a', ''), rawOf(7)]) {
        const signature = await keys.sign({ name }, scheme, message)
        expect(signature).toHaveLength(64)
        expect(verifyKeySignature(scheme, signature, digestOf(message), publicKey)).toBe(true)
        expect(verifyKeySignature(scheme, signature, digestOf(rawOf(8)), publicKey)).toBe(false)
      }
    })
    it.each(KEY_SCHEMES.filter((s) => !can.schemes.includes(s) && can.types.includes(TYPE_OF[s])))(
      'should be refused where the backend does not: %s',
      async (scheme) => {
        const { keys } = await withKeys()
        const { name } = SPECS[TYPE_OF[scheme]]
        expect(await codeThrownBy(keys.sign({ name }, scheme, rawOf(1)))).toBe('KEY_NOT_CAPABLE')
      },
    )
    it('should be refused under a scheme of another type', async () => {
      const { keys } = await withKeys()
      for (const type of can.types)
        for (const scheme of KEY_SCHEMES.filter((s) => TYPE_OF[s] !== type))
          expect(await codeThrownBy(keys.sign({ name: SPECS[type].name }, scheme, rawOf(1)))).toBe('KEY_NOT_CAPABLE')
    })
    it('should be refused to a key that was not made to sign', async () => {
      const { keys } = await open()
      await keys.generate({ ...first, capabilities: ['export'] })
      const scheme = schemeOf(first.type)
      expect(await codeThrownBy(keys.sign({ name: first.name }, scheme, rawOf(1)))).toBe('KEY_NOT_CAPABLE')
    })
    it.each<[string, Parameters<typeof digestOf>[0]]>([
      ['a digest of 31 bytes', rawOf(1, 31)],
      ['a digest of 33 bytes', rawOf(1, 33)],
      ['an empty digest', rawOf(1, 0)],
      ['no domain', messageOf('', 'x')],
      ['a domain of 65', messageOf('d'.repeat(65), 'x')],
      ['a domain with capitals', messageOf('Domain', 'x')],
      ['a message over the limit', { ...messageOf('d', ''), message: new Uint8Array(LIMITS.maxKeyMessageBytes + 1) }],
    ])('should be refused of %s', async (_, message) => {
      const { keys } = await withKeys()
      expect(await codeThrownBy(keys.sign({ name: first.name }, schemeOf(first.type), message))).toBe('BAD_REQUEST')
    })
    it('should be of messages up to the limit', async () => {
      const { keys } = await withKeys()
      const message = { ...messageOf('d', ''), message: new Uint8Array(LIMITS.maxKeyMessageBytes) }
      expect(await keys.sign({ name: first.name }, schemeOf(first.type), message)).toHaveLength(64)
    })
    it.each([
      ['nosuch', undefined, 'KEY_NOT_FOUND'],
      [first.name, 2, 'VERSION_NOT_FOUND'],
      [first.name, 0, 'VERSION_NOT_FOUND'],
      [first.name, -1, 'VERSION_NOT_FOUND'],
      [first.name, 1.5, 'VERSION_NOT_FOUND'],
      [first.name, Number.NaN, 'VERSION_NOT_FOUND'],
      ['../etc', undefined, 'BAD_REQUEST'],
      ['', undefined, 'BAD_REQUEST'],
    ])('should say what is not there: %s, version %s', async (name, version, code) => {
      const { keys } = await withKeys()
      const ref = version === undefined ? { name } : { name, version }
      expect(await codeThrownBy(keys.sign(ref, schemeOf(first.type), rawOf(1)))).toBe(code)
      expect(await codeThrownBy(Promise.resolve().then(() => keys.publicKey(ref)))).toBe(code)
      expect(await codeThrownBy(keys.agree(ref, randomBytes(32), 'c'))).toBe(code)
    })
  })

  describe.runIf(can.agree)(`agreement by the ${backend.name} backend`, () => {
    it('should come to the same at both ends, and to another under another context or peer', async () => {
      const { keys } = await open()
      const a = await keys.generate({ ...SPECS.x25519, name: 'a' })
      const b = await keys.generate({ ...SPECS.x25519, name: 'b' })
      const [pa, pb] = [a.versions[0]?.publicKey, b.versions[0]?.publicKey]
      if (pa === undefined || pb === undefined) throw new Error('no key')
      const one = await keys.agree({ name: 'a' }, pb, 'noise')
      expect(one).toHaveLength(32)
      expect(await keys.agree({ name: 'b' }, pa, 'noise')).toEqual(one)
      expect(await keys.agree({ name: 'a' }, pb, 'noise2')).not.toEqual(one)
      expect(await keys.agree({ name: 'a' }, x25519.publicKeyOf(randomBytes(32)), 'noise')).not.toEqual(one)
    })
    it.each([
      ['zeros', new Uint8Array(32)],
      ['one', Uint8Array.of(1, ...new Uint8Array(31))],
      ['31 bytes', randomBytes(31)],
      ['33 bytes', randomBytes(33)],
      ['nothing', new Uint8Array(0)],
    ])('should be refused with a peer of %s', async (_, peer) => {
      const { keys } = await withKeys()
      const error = await keys.agree({ name: 'handshake-1' }, peer, 'c').catch((e: KeyError) => e)
      expect(error).toMatchObject({ code: 'BAD_REQUEST', data: { field: 'peer_public_key' } })
      expect(keys.troubles()).toEqual([])
    })
    it('should be refused without a context', async () => {
      const { keys } = await withKeys()
      const peer = x25519.publicKeyOf(randomBytes(32))
      expect(await codeThrownBy(keys.agree({ name: 'handshake-1' }, peer, ''))).toBe('BAD_REQUEST')
    })
    it('should be refused to a key that was not made for it', async () => {
      const { keys } = await open()
      await keys.generate({ ...SPECS.x25519, capabilities: ['export'] })
      const peer = x25519.publicKeyOf(randomBytes(32))
      expect(await codeThrownBy(keys.agree({ name: 'handshake-1' }, peer, 'c'))).toBe('KEY_NOT_CAPABLE')
    })
  })
  it('should refuse to agree with a key that signs', async () => {
    const { keys } = await withKeys()
    for (const type of can.types.filter((t) => t !== 'x25519'))
      expect(await codeThrownBy(keys.agree({ name: SPECS[type].name }, randomBytes(32), 'c'))).toBe('KEY_NOT_CAPABLE')
  })

  describe(`rotation in the ${backend.name} backend`, () => {
    it('should sign with the new version, and with the old one where it is asked for', async () => {
      const { keys } = await withKeys()
      const [name, scheme] = [first.name, schemeOf(first.type)]
      const old = keys.publicKey({ name }).publicKey
      const info = await keys.rotate(name)
      expect(info.versions.map((v) => v.version)).toEqual([1, 2])
      expect(info.versions[0]?.publicKey).toEqual(old)
      const fresh = keys.publicKey({ name }).publicKey
      expect(fresh).not.toEqual(old)
      expect(keys.publicKey({ name, version: 1 }).publicKey).toEqual(old)
      const check = async (ref: { name: string; version?: number }, under: Uint8Array) =>
        verifyKeySignature(scheme, await keys.sign(ref, scheme, rawOf(3)), digestOf(rawOf(3)), under)
      expect(await check({ name }, fresh)).toBe(true)
      expect(await check({ name, version: 2 }, fresh)).toBe(true)
      expect(await check({ name, version: 1 }, old)).toBe(true)
    })
    it('should number versions without a gap when many come at once', async () => {
      const { keys } = await withKeys()
      await Promise.all([1, 2, 3].map(() => keys.rotate(first.name)))
      expect(
        keys
          .list()
          .find((k) => k.name === first.name)
          ?.versions.map((v) => v.version),
      ).toEqual([1, 2, 3, 4])
    })
    it('should leave signatures that are under way as they are', async () => {
      const { keys } = await withKeys()
      const [name, scheme] = [first.name, schemeOf(first.type)]
      const old = keys.publicKey({ name }).publicKey
      const [signature] = await Promise.all([keys.sign({ name }, scheme, rawOf(9)), keys.rotate(name)])
      expect(verifyKeySignature(scheme, signature, digestOf(rawOf(9)), old)).toBe(true)
    })
    it('should not be of a key that is not there', async () => {
      const { keys } = await open()
      expect(await codeThrownBy(keys.rotate('nosuch'))).toBe('KEY_NOT_FOUND')
    })
  })

  describe(`dropping from the ${backend.name} backend`, () => {
    it('should take two steps, and end all use', async () => {
      const { keys } = await withKeys()
      const spare = await keys.generate({ ...first, name: 'spare' })
      const step = await keys.drop('spare')
      expect(step).toMatchObject({ dropped: false })
      expect(step.token).toHaveLength(16)
      expect(keys.list().find((k) => k.id === spare.id)?.dropping).toBe(true)
      expect(await keys.sign({ name: 'spare' }, schemeOf(first.type), rawOf(1))).toHaveLength(64)
      expect(await keys.drop('spare', step.token)).toEqual({ dropped: true, token: undefined })
      expect(keys.list().some((k) => k.id === spare.id)).toBe(false)
      expect(await codeThrownBy(keys.sign({ name: 'spare' }, schemeOf(first.type), rawOf(1)))).toBe('KEY_NOT_FOUND')
      expect(await codeThrownBy(keys.drop('spare', step.token))).toBe('KEY_NOT_FOUND')
    })
    it('should be refused for the last key of a role, in both steps', async () => {
      const { keys } = await withKeys()
      expect(await codeThrownBy(keys.drop(first.name))).toBe('KEY_LAST_OF_ROLE')
      expect(await codeThrownBy(keys.drop(first.name, randomBytes(16)))).toBe('KEY_LAST_OF_ROLE')
      await keys.generate({ ...first, name: 'spare' })
      const [a, b] = [(await keys.drop(first.name)).token, (await keys.drop('spare')).token]
      expect(await Promise.all([keys.drop(first.name, a), keys.drop('spare', b)].map(codeThrownBy))).toEqual([
        undefined,
        'KEY_LAST_OF_ROLE',
      ])
    })
    it('should be refused with any other token', async () => {
      const { keys } = await withKeys()
      await keys.generate({ ...first, name: 'spare' })
      const old = (await keys.drop('spare')).token ?? new Uint8Array(0)
      const token = (await keys.drop('spare')).token ?? new Uint8Array(0)
      const others = [old, randomBytes(16), token.subarray(1), new Uint8Array(0), new Uint8Array([...token, 0])]
      for (const other of others) expect(await codeThrownBy(keys.drop('spare', other))).toBe('BAD_REQUEST')
      expect(await keys.drop('spare', token)).toMatchObject({ dropped: true })
    })
    it('should begin anew after ten minutes, and after another key was dropped', async () => {
      const { keys, node } = await withKeys()
      for (const name of ['b', 'c']) await keys.generate({ ...first, name })
      const { token } = await keys.drop('b')
      expect(await codeThrownBy(keys.drop('c', token))).toBe('BAD_REQUEST')
      node.clock.advance(LIMITS.keyDropTokenMs - 1)
      expect(keys.list().find((k) => k.name === 'b')?.dropping).toBe(true)
      node.clock.advance(1)
      expect(keys.list().find((k) => k.name === 'b')?.dropping).toBe(false)
      expect(await codeThrownBy(keys.drop('b', token))).toBe('BAD_REQUEST')
    })
    it('should free the name for a key with another id, for which the old token is worth nothing', async () => {
      const { keys } = await withKeys()
      const before = await keys.generate({ ...first, name: 'spare' })
      const { token } = await keys.drop('spare')
      await keys.drop('spare', token)
      const after = await keys.generate({ ...first, name: 'spare' })
      expect(after.id).not.toBe(before.id)
      expect(await codeThrownBy(keys.drop('spare', token))).toBe('BAD_REQUEST')
    })
    it('should either let a signature be made or refuse it, when both come at once', async () => {
      const { keys } = await withKeys()
      const info = await keys.generate({ ...first, name: 'spare' })
      const { token } = await keys.drop('spare')
      const scheme = schemeOf(first.type)
      const [signature] = await Promise.allSettled([
        keys.sign({ name: 'spare' }, scheme, rawOf(4)),
        keys.drop('spare', token),
      ])
      const publicKey = info.versions[0]?.publicKey ?? new Uint8Array(0)
      if (signature.status === 'fulfilled')
        expect(verifyKeySignature(scheme, signature.value, digestOf(rawOf(4)), publicKey)).toBe(true)
      else expect(['KEY_NOT_FOUND', 'KEY_BACKEND']).toContain(signature.reason.code)
      expect(keys.troubles()).toEqual([])
    })
  })

  describe(`backups of the ${backend.name} backend`, () => {
    it.runIf(can.export)(
      'should hold all versions, open at the recipient alone, and make the same key there',
      async () => {
        const { keys } = await withKeys()
        const { keys: there } = await open()
        const info = await keys.rotate(first.name)
        const sealed = await keys.backup(first.name, await there.provisionRecipient())
        expect(await codeThrownBy(keys.provision(sealed))).toBe('KEY_UNREADABLE')
        expect(await there.provision(sealed)).toEqual(info)
        for (const { version, publicKey } of info.versions) {
          const scheme = schemeOf(first.type)
          const signature = await there.sign({ name: first.name, version }, scheme, rawOf(2))
          expect(verifyKeySignature(scheme, signature, digestOf(rawOf(2)), publicKey)).toBe(true)
        }
      },
    )
    it.runIf(can.export)('should be refused of a key that was not made to be exported', async () => {
      const { keys } = await open()
      const capability = first.type === 'x25519' ? 'agree' : 'sign'
      await keys.generate({ ...first, capabilities: [capability] })
      const recipient = await keys.provisionRecipient()
      expect(await codeThrownBy(keys.backup(first.name, recipient))).toBe('KEY_NOT_CAPABLE')
      expect(await codeThrownBy(keys.backup('nosuch', recipient))).toBe('KEY_NOT_FOUND')
    })
    it
      .runIf(can.export)
      .each([
        '',
        'age1',
        'nonsense',
        `age1${'q'.repeat(58)}`,
        'AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ',
        'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB',
      ])('should be refused to "%s", which is no recipient', async (recipient) => {
      const { keys } = await withKeys()
      const error = await keys.backup(first.name, recipient).catch((e: KeyError) => e)
      // Only ASCII goes over the wire as it is.
      const expected = expect.stringMatching(/^[ -~]+$/)
      expect(error).toMatchObject({ code: 'BAD_REQUEST', data: { field: 'recipient', expected } })
    })
    it.runIf(can.import)('should never overwrite a key: not its name, not its id', async () => {
      const { keys } = await withKeys()
      const { keys: other } = await open()
      await other.generate(first)
      const recipient = await keys.provisionRecipient()
      const before = keys.list()
      expect(await codeThrownBy(keys.provision(await other.backup(first.name, recipient)))).toBe('KEY_EXISTS')
      expect(await codeThrownBy(keys.provision(await keys.backup(first.name, recipient)))).toBe('KEY_EXISTS')
      expect(keys.list()).toEqual(before)
    })
    it.runIf(can.import)('should be taken in once, when it comes twice at once', async () => {
      const { keys } = await withKeys()
      const { keys: there } = await open()
      const sealed = await keys.backup(first.name, await there.provisionRecipient())
      expect(await Promise.all([there.provision(sealed), there.provision(sealed)].map(codeThrownBy))).toEqual([
        undefined,
        'KEY_EXISTS',
      ])
    })
    it.runIf(can.import)('should be refused if anything is wrong with it, and keep nothing', async () => {
      const { keys } = await withKeys()
      const { keys: there } = await open()
      const recipient = await there.provisionRecipient()
      const sealed = await keys.backup(first.name, recipient)
      const bent = sealed.map((b, i) => (i === sealed.length - 1 ? b ^ 1 : b))
      const foreign = await sealTo((await sealerOf(await generateStorageIdentity())).recipient, new Uint8Array(10))
      const empty = await sealTo(recipient, new Uint8Array(0))
      for (const bad of [bent, sealed.subarray(0, 100), new Uint8Array(0), randomBytes(500), foreign, empty])
        expect(await codeThrownBy(there.provision(bad))).toBe('KEY_UNREADABLE')
      expect(await codeThrownBy(there.provision(new Uint8Array(LIMITS.maxKeyBackupBytes + 1)))).toBe('BAD_REQUEST')
      expect(there.list()).toEqual([])
      expect(await there.provision(sealed)).toMatchObject({ name: first.name })
    })
    it.runIf(!can.export)('should be refused where the backend has none', async () => {
      const { keys } = await withKeys()
      const { recipient } = await sealerOf(await generateStorageIdentity())
      expect(await codeThrownBy(keys.backup(first.name, recipient))).toBe('KEY_NOT_CAPABLE')
    })
    it.runIf(!can.import)('should not be taken in where the backend does not', async () => {
      const { keys } = await open()
      expect(await codeThrownBy(keys.provision(new Uint8Array(100)))).toBe('KEY_NOT_CAPABLE')
      expect(await codeThrownBy(keys.provisionRecipient())).toBe('KEY_NOT_CAPABLE')
    })
  })

  describe(`a stop of the ${backend.name} backend`, () => {
    it('should end all use, and let what was begun finish', async () => {
      const { keys } = await withKeys()
      const begun = keys.generate({ ...first, name: 'begun' })
      const scheme = schemeOf(first.type)
      const signing = keys.sign({ name: first.name }, scheme, rawOf(1))
      await new Promise(setImmediate)
      await keys.stop()
      expect((await begun).name).toBe('begun')
      expect(await signing).toHaveLength(64)
      for (const late of [
        keys.sign({ name: first.name }, scheme, rawOf(1)),
        keys.generate({ ...first, name: 'late' }),
        keys.rotate(first.name),
        keys.drop(first.name),
        keys.provision(new Uint8Array(1)),
        keys.backup(first.name, 'age1'),
        keys.provisionRecipient(),
      ])
        expect(await codeThrownBy(late)).toBe('KEY_BACKEND')
      expect(() => keys.list()).toThrow(/not running/)
      expect(() => keys.publicKey({ name: first.name })).toThrow(/not running/)
    })
    it.runIf(durable)('should lose no key, no version and no metadata, but every first step of a drop', async () => {
      const { keys, node } = await withKeys()
      await keys.rotate(first.name)
      await keys.generate({ ...first, name: 'spare' })
      const before = keys.list()
      const { token } = await keys.drop('spare')
      await keys.stop()
      const { keys: again } = await open(node)
      expect(again.list()).toEqual(before)
      expect(again.troubles()).toEqual([])
      const scheme = schemeOf(first.type)
      for (const version of [1, 2]) {
        const signature = await again.sign({ name: first.name, version }, scheme, rawOf(5))
        const { publicKey } = again.publicKey({ name: first.name, version })
        expect(verifyKeySignature(scheme, signature, digestOf(rawOf(5)), publicKey)).toBe(true)
      }
      expect(await codeThrownBy(again.drop('spare', token))).toBe('BAD_REQUEST')
    })
    it.runIf(!durable)('should tell of every key that is gone, by name, and go on with others', async () => {
      const { keys, node } = await withKeys()
      await keys.stop()
      const { keys: again } = await open(node)
      expect(again.troubles().map((t) => t.name)).toEqual(can.types.map((t) => SPECS[t].name).sort())
      expect(await codeThrownBy(again.sign({ name: first.name }, schemeOf(first.type), rawOf(1)))).toBe('KEY_BACKEND')
      await again.rotate(first.name)
      expect(await again.sign({ name: first.name }, schemeOf(first.type), rawOf(1))).toHaveLength(64)
    })
    it('should be startable again after it was stopped', async () => {
      const { keys } = await open()
      await keys.stop()
      await keys.start()
      expect(keys.list()).toEqual([])
      expect(toHex((await keys.generate(first)).versions[0]?.publicKey ?? new Uint8Array(0))).not.toBe('')
    })
  })
}
