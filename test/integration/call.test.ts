import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { KeyPair } from '../../src/curve/index.ts'
import { type JsonObject, METHOD_NAMES, METHODS, RpcError, toJson } from '../../src/rpc/index.ts'
import { createKeyFile, unlockBeside, writeIdentityFile, writePassphraseFile } from '../../src/store/index.ts'
import { cli, tempDir } from '../unit/cli/harness.ts'
import { type RpcNode, rpcNode } from './rpc-hosts.ts'

const bridge = KeyPair.generate()
const HEX32 = '11'.repeat(32)
const SIGN = { request_id: 'r', digest: HEX32, tweak: { kind: 'none' } }

describe('countersign call', () => {
  const { dir, remove } = tempDir()
  const key = join(dir, 'bridge.key')
  let node: RpcNode
  let asked: JsonObject | undefined
  beforeAll(async () => {
    await writePassphraseFile(join(dir, 'bridge.passphrase'))
    await createKeyFile(key, bridge, unlockBeside(key), { scryptLogN: 10 })
    node = await rpcNode([bridge.peerId], {
      'wots.get_128_public_key': async (params) => {
        asked = toJson(METHODS['wots.get_128_public_key'].request, params)
        return { publicKey: new Uint8Array(720).fill(3) }
      },
      'schnorr.sign': async () => {
        throw new RpcError('REFUSED')
      },
    })
  })
  afterAll(async () => {
    await node.stop()
    remove()
  })
  const to = () => ['--to', node.addresses[0] ?? '', '--key', key]
  const call = (...args: readonly string[]) => cli(['call', ...to(), ...args])

  it('should print the result on one line, bytes as lower-case hex', async () => {
    const ran = await call('wots.get_128_public_key', JSON.stringify({ txid: HEX32, vout: 0, index: 7 }))
    expect(ran).toMatchObject({ code: 0, out: `{"public_key":"${'03'.repeat(720)}"}\n`, err: '' })
    expect(asked).toEqual({ txid: HEX32, vout: 0, index: 7, message: null })
  })

  it('should take no params for none', async () => {
    expect((await call('hello')).json()).toMatchObject({ peer_id: node.key.peerId, public_key: node.key.publicKey })
    expect((await call('health', '{}')).json()).toEqual({ ready: true, waiting_for: [] })
  })

  it('should take params from stdin and from a file', async () => {
    const text = JSON.stringify({ ...SIGN, digest: '05'.repeat(32) })
    const file = join(dir, 'params.json')
    writeFileSync(file, text)
    const signature = `${JSON.stringify({ signature: '05'.repeat(64) })}\n`
    expect(await cli(['call', ...to(), 'threshold.sign', '-'], { stdin: text })).toMatchObject({
      code: 0,
      out: signature,
    })
    expect(await call('threshold.sign', `@${file}`)).toMatchObject({ code: 0, out: signature })
  })

  it('should take the options after the params, too', async () => {
    expect(await cli(['call', 'threshold.public_key', '{}', ...to()])).toMatchObject({
      code: 0,
      out: `{"public_key":"${'07'.repeat(32)}"}\n`,
    })
  })

  it('should find the node by its key where the address does not name it', async () => {
    const address = (node.addresses[0] ?? '').replace(/\/p2p\/.*/, '')
    const ran = await cli(['call', '--to', address, '--signer', node.key.publicKey, '--key', key, 'health'])
    expect(ran.code).toBe(0)
  })

  it('should wait as long as it is told, even if no timer waits that long', async () => {
    expect((await call('health', '{}', '--timeout', '99999999999')).json()).toMatchObject({ ready: true })
  })

  it.each([
    { what: 'a host and a port', to: '127.0.0.1:4001', code: 'BAD_ADDRESS', says: 'no multiaddr' },
    { what: 'no PeerID', to: '/ip4/127.0.0.1/tcp/4001', code: 'BAD_ADDRESS', says: '--signer' },
  ])('should say what is wrong with $what as the address', async ({ to: address, code, says }) => {
    const { error } = (await cli(['call', '--to', address, '--key', key, 'health'])).json()
    expect(error).toMatchObject({ code, message: expect.stringContaining(says) })
  })

  it('should open a key that is sealed to an age identity', async () => {
    const [sealed, identity] = [join(dir, 'other.key'), join(dir, 'identity.txt')]
    await writeIdentityFile(identity)
    await createKeyFile(sealed, bridge, { kind: 'identity', file: identity })
    const args = ['--to', node.addresses[0] ?? '', '--key', sealed, '--identity-file', identity]
    expect((await cli(['call', ...args, 'health'])).code).toBe(0)
  })

  it("should print the server's error with its code, sentence and request id, and exit with 1", async () => {
    const { code, out, err } = await call('schnorr.sign', JSON.stringify({ target: 'general', digest: HEX32 }))
    expect({ code, err }).toEqual({ code: 1, err: '' })
    const { error } = JSON.parse(out)
    expect(error).toEqual({ code: 'REFUSED', message: expect.any(String), request_id: expect.any(Number) })
    expect(Object.keys(error)).toEqual(['code', 'message', 'request_id'])
  })

  it.each([
    { what: 'no JSON', args: ['hello', '{'], error: { code: 'BAD_REQUEST', field: 'params' } },
    { what: 'a list', args: ['hello', '[]'], error: { code: 'BAD_REQUEST' } },
    { what: 'null', args: ['threshold.sign', 'null'], error: { code: 'BAD_REQUEST' } },
    { what: 'a number', args: ['hello', '1'], error: { code: 'BAD_REQUEST' } },
    { what: 'an unknown key', args: ['hello', '{"a":1}'], error: { code: 'BAD_REQUEST' } },
    { what: 'upper-case hex', args: ['threshold.public_key', `{"key":"${'AA'.repeat(32)}"}`], error: { field: 'key' } },
    { what: 'half a byte', args: ['threshold.public_key', '{"key":"abc"}'], error: { field: 'key' } },
    { what: '31 bytes', args: ['threshold.public_key', `{"key":"${'aa'.repeat(31)}"}`], error: { field: 'key' } },
    { what: 'a missing key', args: ['threshold.sign', '{"request_id":"r"}'], error: { field: 'digest' } },
    {
      what: 'a huge number',
      args: ['wots.get_128_public_key', '{"txid":"","vout":4294967296}'],
      error: { field: 'vout' },
    },
    { what: 'an unknown method', args: ['schnorr.export'], error: { code: 'UNKNOWN_METHOD' } },
    { what: "a name of JavaScript's own", args: ['constructor'], error: { code: 'UNKNOWN_METHOD' } },
  ])('should refuse $what without a word to the server or a stack', async ({ args, error }) => {
    const { code, out, err } = await call(...args)
    expect({ code, err }).toEqual({ code: 1, err: '' })
    expect(JSON.parse(out).error).toMatchObject({ ...error, message: expect.any(String), request_id: null })
  })

  it.each([
    { what: 'no method', args: [] },
    { what: 'an unknown option', args: ['--frm', 'x', 'hello'] },
    { what: 'a word too many', args: ['hello', '{}', 'x'] },
    { what: 'no time at all', args: ['hello', '--timeout', '0'] },
    { what: 'a time in words', args: ['hello', '--timeout', 'soon'] },
    { what: 'two ways to open the key', args: ['hello', '--passphrase-file', 'a', '--identity-file', 'b'] },
    { what: 'a file of params that is not there', args: ['hello', '@/nowhere'] },
    { what: 'a passphrase file that is not there', args: ['hello', '--passphrase-file', '/nowhere'] },
    { what: 'a signer that is none', args: ['hello', '--signer', '02zz'] },
  ])('should say what is wrong with $what, as JSON', async ({ args }) => {
    const ran = await call(...args)
    expect({ code: ran.code, err: ran.err }).toEqual({ code: 1, err: '' })
    expect(JSON.parse(ran.out)).toEqual({
      error: { code: expect.any(String), message: expect.any(String), request_id: null },
    })
  })

  it.each([
    { what: 'no address', args: ['--key', key] },
    { what: 'no key', args: ['--to', '/ip4/127.0.0.1/tcp/1'] },
    { what: 'an address without PeerID', args: ['--to', '/ip4/127.0.0.1/tcp/1', '--key', key] },
    { what: 'a key file that is not there', args: ['--to', 'x', '--key', join(dir, 'nobody.key')] },
    { what: 'a key file without its passphrase', args: ['--to', 'x', '--key', import.meta.filename] },
  ])('should say so of $what', async ({ args }) => {
    const ran = await cli(['call', ...args, 'hello'])
    expect({ code: ran.code, err: ran.err }).toEqual({ code: 1, err: '' })
    expect(JSON.parse(ran.out).error.message).toEqual(expect.any(String))
  })

  it('should say that nobody answers, and that it is not admitted', async () => {
    const nobody = `/ip4/127.0.0.1/tcp/1/p2p/${node.key.peerId}`
    const away = await cli(['call', '--to', nobody, '--key', key, 'hello'])
    expect([away.code, JSON.parse(away.out).error.code]).toEqual([1, 'UNREACHABLE'])
    await using other = await rpcNode([])
    const refused = await cli(['call', '--to', other.addresses[0] ?? '', '--key', key, 'hello'])
    expect([refused.code, JSON.parse(refused.out).error.code]).toEqual([1, 'NOT_ADMITTED'])
    expect(refused.out).toContain(bridge.peerId)
  })

  it('should never repeat params in an error: they may be secret', async () => {
    const secret = 'c0ffee'.repeat(5)
    for (const text of [`{"${secret}":1}`, `"${secret}"`, secret, `{"target":"${secret}","digest":"${secret}"}`])
      expect((await call('schnorr.sign', text)).out).not.toContain(secret)
  })

  it('should list every method, for people and for programs', async () => {
    const words = await cli(['call', '--list'])
    for (const method of METHOD_NAMES) expect(words.out).toContain(method)
    const list = (await cli(['call', '--list', '--json'])).json() as unknown as readonly { readonly method: string }[]
    expect(list.map((row) => row.method)).toEqual(METHOD_NAMES)
    expect((await cli(['call', '--list', 'wots.get_128_secret_key'])).out).toContain('allow_secret_export')
    expect((await cli(['call', '--list', 'nothing'])).code).toBe(1)
  })

  it('should load nothing of the chain or the devnet', async () => {
    const script = `
      const { runCli } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/cli/main.ts'))})
      const io = { stdout: { write() {} }, stderr: { write() {} }, ask: undefined }
      await runCli(${JSON.stringify(['call', ...to(), 'health'])}, io)
      process.stdout.write(JSON.stringify([...(globalThis.loaded ?? [])]))`
    const hook = `
      import { registerHooks } from 'node:module'
      globalThis.loaded = new Set()
      registerHooks({ load(url, context, next) { globalThis.loaded.add(url); return next(url, context) } })`
    const asUrl = (source: string) => `data:text/javascript,${encodeURIComponent(source)}`
    const out = await new Promise<string>((resolve, reject) =>
      execFile(process.execPath, ['--import', asUrl(hook), '--input-type=module', '--eval', script], (error, stdout) =>
        error ? reject(error) : resolve(stdout),
      ),
    )
    const loaded: readonly string[] = JSON.parse(out)
    expect(loaded.some((url) => url.includes('/libp2p/'))).toBe(true)
    expect(loaded.filter((url) => /@stacks|clarinet|\/src\/(devnet|node|rounds|registry)\//.test(url))).toEqual([])
  })
})
