import { beforeEach, describe, expect, it } from 'vitest'
import { encodeFields, type PublicKey } from '../../../../src/base/index.ts'
import { curve, KeyPair, randomBytes } from '../../../../src/curve/index.ts'
import {
  decodeBackup,
  decodeVersion,
  encodeBackup,
  type OpenedVersion,
} from '../../../../src/signer/keys/key-records.ts'
import { sealTo } from '../../../../src/store/index.ts'
import { codeThrownBy, tempFolders } from '../../store/temp-folder.ts'
import { type KeyNode, keyNode, openKeys, SIGNING } from './support.ts'

const tempFolder = tempFolders()
const OWNER = KeyPair.generate().publicKey
const ID = 'ab'.repeat(16)
const version = (n: number, more: Partial<OpenedVersion> = {}, label: Partial<OpenedVersion['label']> = {}) => {
  const secret = curve.randomScalar()
  const own = { ...SIGNING, id: ID, version: n, createdAtMs: 1_700_000_000_000, ...label }
  return { label: own, publicKey: curve.publicKeyOf(secret), secret, ...more }
}
/** As docs/KEYS.md tells it, with nothing checked. */
const record = (change: {
  readonly kind?: string
  readonly owner?: string
  readonly head?: readonly string[]
  readonly versions?: readonly Uint8Array[]
}) => {
  const { kind = 'countersign-key-backup-v1', owner = OWNER, versions = [part(1)] } = change
  const head = change.head ?? [ID, 'consensus-1', 'consensus', 'secp256k1', 'sign,export']
  return encodeFields(kind, owner, ...head, ...versions)
}
const part = (n: number, secret = curve.randomScalar(), publicKey = curve.publicKeyOf(secret)) =>
  encodeFields(n, 1_700_000_000_000, publicKey, secret)
const flipped = (bytes: Uint8Array) => bytes.map((b, i) => (i === 5 ? b ^ 1 : b))

describe('a backup that anybody may have sealed to this node', () => {
  let of: KeyNode
  beforeEach(async () => {
    of = await keyNode(tempFolder())
  })
  const offer = async (plaintext: Uint8Array) => {
    const keys = await openKeys(of)
    const code = await codeThrownBy(keys.provision(await sealTo(of.sealer.recipient, plaintext)))
    const names = keys.list().map((k) => k.name)
    await keys.stop()
    return { code, names }
  }

  it('should be taken in, if it is as docs/KEYS.md tells', async () => {
    expect(await offer(record({ versions: [part(1), part(2)] }))).toEqual({ code: undefined, names: ['consensus-1'] })
  })
  it.each<[string, () => Uint8Array]>([
    ['of another kind', () => record({ kind: 'countersign-key-v1' })],
    ['of a kind to come', () => record({ kind: 'countersign-key-backup-v2' })],
    ['without an owner', () => record({ owner: '' })],
    ['of an owner that is no key', () => record({ owner: '00'.repeat(33) as PublicKey })],
    ['without a version', () => record({ versions: [] })],
    ['that begins with version 2', () => record({ versions: [part(2)] })],
    ['that leaves a version out', () => record({ versions: [part(1), part(3)] })],
    ['with a version twice', () => record({ versions: [part(1), part(1)] })],
    ['with version 0', () => record({ versions: [part(0)] })],
    [
      'with more versions than a key has',
      () => record({ versions: Array.from({ length: 65 }, (_, i) => part(i + 1)) }),
    ],
    [
      'with a public key of another secret',
      () => record({ versions: [part(1, curve.randomScalar(), curve.publicKeyOf(curve.randomScalar()))] }),
    ],
    [
      'with a public key that is no point',
      () => record({ versions: [part(1, curve.randomScalar(), flipped(curve.publicKeyOf(curve.randomScalar())))] }),
    ],
    [
      'with a secret of zero',
      () => record({ versions: [part(1, new Uint8Array(32), curve.publicKeyOf(curve.randomScalar()))] }),
    ],
    [
      'with a secret of 31 bytes',
      () => record({ versions: [part(1, randomBytes(31), curve.publicKeyOf(curve.randomScalar()))] }),
    ],
    ['with a path for a name', () => record({ head: [ID, '../../key', 'consensus', 'secp256k1', 'sign'] })],
    ['with a role that is none', () => record({ head: [ID, 'a', 'A role', 'secp256k1', 'sign'] })],
    ['with a type that is none', () => record({ head: [ID, 'a', 'consensus', 'rsa', 'sign'] })],
    ['with a use that its type has not', () => record({ head: [ID, 'a', 'consensus', 'secp256k1', 'agree'] })],
    ['with no use', () => record({ head: [ID, 'a', 'consensus', 'secp256k1', ''] })],
    [
      'with an id that goes into paths',
      () => record({ head: ['../../../../../../tmp/xxxxxxxxxx', 'a', 'c', 'secp256k1', 'sign'] }),
    ],
    ['with an id in capitals', () => record({ head: [ID.toUpperCase(), 'a', 'c', 'secp256k1', 'sign'] })],
    ['with a byte too many', () => Uint8Array.of(...record({}), 0)],
    ['with a field too many in a version', () => record({ versions: [Uint8Array.of(...part(1), 0, 0, 0, 0)] })],
    [
      'with names that are no text',
      () =>
        encodeFields('countersign-key-backup-v1', OWNER, ID, Uint8Array.of(0xff), 'c', 'secp256k1', 'sign', part(1)),
    ],
  ])('should be refused %s, and nothing be kept', async (_, make) => {
    expect(await offer(make())).toEqual({ code: 'KEY_UNREADABLE', names: [] })
  })
})

describe('records of keys', () => {
  it('should give back what was written', () => {
    const versions = [version(1), version(2)]
    expect(decodeBackup(encodeBackup(OWNER, versions))).toEqual({ owner: OWNER, versions })
  })
  it('should have secrets of their own, that outlive the plaintext', () => {
    const plaintext = encodeBackup(OWNER, [version(1)])
    const opened = decodeBackup(plaintext)
    plaintext.fill(0)
    expect(opened?.versions[0]?.secret).not.toEqual(new Uint8Array(32))
  })
  it('should not be taken for each other', () => {
    expect(decodeVersion(encodeBackup(OWNER, [version(1)]))).toBeUndefined()
  })
  it('should be nothing without a version', () => {
    expect(() => encodeBackup(OWNER, [])).toThrow(TypeError)
  })
})
