import { afterEach, describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../src/base/index.ts'
import { curve, KeyPair, taggedHash, xOnly } from '../../src/curve/index.ts'
import { type Client, connect } from '../../src/rpc/client/index.ts'
import { createKeyHandlers, type JsonObject, RpcError } from '../../src/rpc/index.ts'
import { keyNode, openKeys } from '../unit/signer/keys/support.ts'
import { tempFolders } from '../unit/store/temp-folder.ts'
import { rpcNode } from './rpc-hosts.ts'

const tempFolder = tempFolders()
const bridge = KeyPair.generate()
const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** A client of a node with a real key service over sealed files: real streams in between. */
async function world(): Promise<Client> {
  const service = await openKeys(await keyNode(tempFolder()))
  closing.push(() => service.stop())
  const node = await rpcNode([bridge.peerId], createKeyHandlers(service))
  closing.push(() => node.stop())
  const client = await connect({ addresses: node.addresses, key: bridge })
  closing.push(() => client.close())
  return client
}
const codeOf = async (call: Promise<JsonObject>): Promise<string> => {
  const error = await call.then(
    (result) => new Error(`answered ${JSON.stringify(result)}`),
    (e: unknown) => e,
  )
  if (error instanceof RpcError) return error.code
  throw error
}
const SIGNING = { name: 'consensus-1', type: 'secp256k1', role: 'consensus', capabilities: ['sign', 'export'] }
const HANDSHAKE = { name: 'handshake', type: 'x25519', role: 'handshake', capabilities: ['agree'] }

describe('a real key service, through the wire', () => {
  it('should sign under a domain as the page says how to verify, and with older versions when they are named', async () => {
    const client = await world()
    const made = await client.call('keys.generate', SIGNING)
    expect(made).toMatchObject({ ...SIGNING, dropping: false, versions: [{ version: 1 }] })
    const rotated = await client.call('keys.rotate', { name: 'consensus-1' })
    expect(rotated).toMatchObject({ id: made.id, versions: [{ version: 1 }, { version: 2 }] })
    const message = { kind: 'message', domain: 'blocks', message: '0102' }
    const hash = taggedHash('countersign/keys', Uint8Array.of(0, 6, ...new TextEncoder().encode('blocks'), 1, 2))
    for (const version of [null, 1, 2]) {
      const of = { name: 'consensus-1', version }
      const { public_key: key } = await client.call('keys.public_key', of)
      const { signature } = await client.call('keys.sign', { ...of, scheme: 'schnorr', message })
      expect(curve.schnorrVerify(fromHex(String(signature)), hash, xOnly(fromHex(String(key))))).toBe(true)
      const { signature: ecdsa } = await client.call('keys.sign', { ...of, scheme: 'ecdsa', message })
      expect(curve.ecdsaVerify(fromHex(String(ecdsa)), hash, fromHex(String(key)))).toBe(true)
    }
  })

  it('should agree with another node on a secret that neither sends', async () => {
    const [a, b] = [await world(), await world()]
    for (const client of [a, b]) await client.call('keys.generate', HANDSHAKE)
    const keyOf = async (client: Client) => (await client.call('keys.public_key', { name: 'handshake' })).public_key
    const [keyA, keyB] = [await keyOf(a), await keyOf(b)]
    const agree = (client: Client, peer: unknown, context = 'noise') =>
      client.call('keys.agree', { name: 'handshake', peer_public_key: peer, context })
    const secret = await agree(a, keyB)
    expect(secret).toEqual(await agree(b, keyA))
    expect(secret).not.toEqual(await agree(b, keyA, 'other'))
    expect(await codeOf(agree(a, '00'.repeat(32)))).toBe('BAD_REQUEST')
  })

  it('should carry a key from one node to another, sealed, and drop it in two steps', async () => {
    const [a, b] = [await world(), await world()]
    const made = await a.call('keys.generate', SIGNING)
    const { recipient } = await b.call('keys.recipient', {})
    const { sealed } = await a.call('keys.backup', { name: 'consensus-1', recipient })
    expect(await b.call('keys.provision', { sealed })).toMatchObject({ id: made.id, versions: made.versions })
    expect(await codeOf(b.call('keys.provision', { sealed }))).toBe('KEY_EXISTS')
    expect(await codeOf(a.call('keys.drop', { name: 'consensus-1' }))).toBe('KEY_LAST_OF_ROLE')
    await a.call('keys.generate', { ...SIGNING, name: 'consensus-2' })
    const first = await a.call('keys.drop', { name: 'consensus-1' })
    expect(first).toEqual({ dropped: false, token: expect.stringMatching(/^[0-9a-f]{32}$/) })
    const second = await a.call('keys.drop', { name: 'consensus-1', token: first.token })
    expect(second).toEqual({ dropped: true, token: null })
    expect(await a.call('keys.list', {})).toMatchObject({ keys: [{ name: 'consensus-2' }], more: false })
  })

  it.each<[string, object, string]>([
    ['keys.public_key', { name: 'nobody' }, 'KEY_NOT_FOUND'],
    ['keys.public_key', { name: 'consensus-1', version: 9 }, 'VERSION_NOT_FOUND'],
    ['keys.generate', SIGNING, 'KEY_EXISTS'],
    ['keys.generate', { ...SIGNING, name: 'x', capabilities: ['agree'] }, 'BAD_REQUEST'],
    ['keys.generate', { ...SIGNING, name: 'A B' }, 'BAD_REQUEST'],
    [
      'keys.sign',
      { name: 'consensus-1', scheme: 'ed25519', message: { kind: 'raw', digest: '00'.repeat(32) } },
      'KEY_NOT_CAPABLE',
    ],
    [
      'keys.agree',
      { name: 'consensus-1', peer_public_key: toHex(xOnly(fromHex(bridge.publicKey))), context: 'c' },
      'KEY_NOT_CAPABLE',
    ],
    ['keys.backup', { name: 'consensus-1', recipient: 'age1nobody' }, 'BAD_REQUEST'],
    ['keys.provision', { sealed: '00'.repeat(100) }, 'KEY_UNREADABLE'],
    ['keys.drop', { name: 'consensus-1', token: '00'.repeat(15) }, 'BAD_REQUEST'],
  ])('should refuse %s %j with %s', async (method, params, code) => {
    const client = await world()
    await client.call('keys.generate', SIGNING)
    expect(await codeOf(client.call(method, params))).toBe(code)
    expect(await client.call('keys.list', {})).toMatchObject({ keys: [{ name: 'consensus-1' }] })
  })
})
