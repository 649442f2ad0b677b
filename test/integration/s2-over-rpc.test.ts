import { afterEach, describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../src/base/index.ts'
import { curve, ed25519, KeyPair, sha256, taggedHash } from '../../src/curve/index.ts'
import { type Client, connect } from '../../src/rpc/client/index.ts'
import { createS2Handlers, type JsonObject, RpcError } from '../../src/rpc/index.ts'
import type { NonceMode } from '../../src/signer/index.ts'
import { VECTORS as MUSIG } from '../unit/crypto/s2/musig2-fixtures.ts'
import { freshRun, homeIn, OWN_KEY } from '../unit/signer/s2/service-fixtures.ts'
import { tempFolders } from '../unit/store/temp-folder.ts'
import vectorsJson from '../vectors/s2.json' with { type: 'json' }
import { rpcNode } from './rpc-hosts.ts'

const tempFolder = tempFolders()
const bridge = KeyPair.generate()
const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** A client of a node with a real secret service over a real store: real streams in between. */
async function world(mode: NonceMode = 'reference'): Promise<Client> {
  const { service, stop } = await freshRun(homeIn(tempFolder()), { mode })
  closing.push(stop)
  const node = await rpcNode([bridge.peerId], createS2Handlers(service))
  closing.push(() => node.stop())
  const client = await connect({ addresses: node.addresses, key: bridge })
  closing.push(() => client.close())
  return client
}
const errorOf = async (call: Promise<JsonObject>): Promise<RpcError> => {
  const error = await call.then(
    (result) => new Error(`answered ${JSON.stringify(result)}`),
    (e: unknown) => e,
  )
  if (error instanceof RpcError) return error
  throw error
}

const schnorrTweaks = (mode: string): readonly [method: string, ...fields: string[]] =>
  mode === 'sign_no_tweak'
    ? ['schnorr.sign_no_tweak']
    : mode.startsWith('sign_with_key_tweak')
      ? ['schnorr.sign_with_key_tweak', 'tap_tweak', 'key_tweak']
      : ['schnorr.sign', 'tap_tweak']
const { ordered_pubkeys_xonly: KEYS } = MUSIG.musig2
type MusigCase = (typeof MUSIG.musig2.cases)[number]
const tweakOf = ({ tweak, merkle_root }: Pick<MusigCase, 'tweak' | 'merkle_root'>) =>
  tweak.startsWith('Script') ? { kind: 'script' } : { kind: 'key', merkle_root: merkle_root ?? null }
/** How a case is asked for: method suffix, and what the nonce is for. */
const formOf = (c: MusigCase) =>
  c.version === 'outpoint'
    ? (['_for_outpoint', { txid: c.outpoint_txid, vout: c.outpoint_vout }, { message: c.sighash }] as const)
    : (['', { sighash: c.sighash }, {}] as const)

describe('the published values, through the wire', () => {
  it('should be the keys, and what wallets sign should verify under the published ones', async () => {
    const client = await world()
    const keys = vectorsJson.keys
    const wallets = {
      general: keys['general m/20000h/20h/20h/102h'].xonly_pub,
      stakechain: keys['stakechain_or_reserved m/20000h/20h/20h/103h'].xonly_pub,
      musig2: keys['musig2 m/20000h/20h/20h/101h'].xonly_pub,
    }
    for (const [target, publicKey] of Object.entries(wallets))
      expect(await client.call('schnorr.public_key', { target })).toEqual({ public_key: publicKey })
    expect(await client.call('p2p.public_key', { scheme: 'ed25519' })).toEqual({
      public_key: keys['p2p_ed25519 (2026-01 on) m/20000h/20h/100h'].pub,
    })
    expect(await client.call('p2p.public_key', { scheme: 'bip340' })).toEqual({
      public_key: keys['p2p_secp256k1 (2025-07 v2) m/20000h/20h/20h/100h'].xonly_pub,
    })
    for (const { target, mode, digest, merkle_root, key_tweak, verify_xonly } of vectorsJson.schnorr) {
      const [method, ...fields] = schnorrTweaks(mode)
      const all: Record<string, unknown> = { tap_tweak: merkle_root, key_tweak }
      const params = { target, digest, ...Object.fromEntries(fields.map((f) => [f, all[f]])) }
      const { signature } = await client.call(method, params)
      expect(curve.schnorrVerify(fromHex(String(signature)), fromHex(digest), fromHex(verify_xonly)), mode).toBe(true)
    }
  })

  it('should be signatures of messages that the page says how to verify', async () => {
    const client = await world()
    for (const message of ['', '00', 'ab'.repeat(65_536)]) {
      const of = async (scheme: string) => {
        const { signature } = await client.call('p2p.sign', { scheme, message })
        const { public_key: key } = await client.call('p2p.public_key', { scheme })
        return [fromHex(String(signature)), fromHex(String(key))] as const
      }
      const [schnorr, schnorrKey] = await of('bip340')
      const t = sha256(new TextEncoder().encode('countersign/p2p'))
      const hash = sha256(Uint8Array.of(...t, ...t, ...fromHex(message)))
      expect(hash).toEqual(taggedHash('countersign/p2p', fromHex(message)))
      expect(curve.schnorrVerify(schnorr, hash, schnorrKey)).toBe(true)
      const [edwards, edwardsKey] = await of('ed25519')
      expect(ed25519.verify(edwards, fromHex(message), edwardsKey)).toBe(true)
    }
    expect(await errorOf(client.call('p2p.sign', { scheme: 'bip340', message: 'ab'.repeat(65_537) }))).toMatchObject({
      code: 'BAD_REQUEST',
    })
  })

  it('should be the preimages', async () => {
    const client = await world()
    for (const { txid, vout, stake_index, preimage } of vectorsJson.preimages)
      expect(
        await client.call('preimages.get_preimage', {
          prestake_txid: txid,
          prestake_vout: vout,
          stake_index,
        }),
      ).toEqual({ preimage })
  })

  it('should be the one-time keys, and each secret and signature where the other was not given out before', async () => {
    const exporting = await world()
    const signing = await world()
    for (const { bits, txid, vout, index, msg, public_key, secret_key, signature } of vectorsJson.wots) {
      // The others are of another material than the seed's.
      if (txid === undefined) continue
      const at = { txid, vout, index }
      expect(await exporting.call(`wots.get_${bits}_public_key`, at)).toEqual({ public_key })
      const range = { txid, vout, first_index: index, count: 1 }
      expect(await signing.call(`wots.get_${bits}_public_key_batch`, range)).toEqual({ public_keys: [public_key] })
      expect(await exporting.call(`wots.get_${bits}_secret_key`, at)).toEqual({ secret_key })
      expect(await signing.call(`wots.get_${bits}_signature`, { ...at, message: msg })).toEqual({ signature })
    }
  }, 60_000)

  it('R33: should be the nonces and partial signatures of reference mode, in both forms', async () => {
    const client = await world()
    for (const c of MUSIG.musig2.cases) {
      const [suffix, of, also] = formOf(c)
      const params = { ordered_pubkeys: KEYS, tweak: tweakOf(c), ...of }
      expect(await client.call(`musig2.get_pub_nonce${suffix}`, params)).toEqual({ pub_nonce: c.pubnonce })
      const partial = { ...params, aggnonce: c.aggnonce, ...also }
      const answer = { partial_sig: c.our_partial_sig }
      expect(await client.call(`musig2.get_our_partial_sig${suffix}`, partial)).toEqual(answer)
      // The same again is answered again.
      expect(await client.call(`musig2.get_our_partial_sig${suffix}`, partial)).toEqual(answer)
    }
  })

  it('R33: should be the same in batches', async () => {
    const client = await world()
    for (const c of MUSIG.musig2.cases.filter(({ version }) => version !== 'outpoint')) {
      const params = { ordered_pubkeys: KEYS, tweak: tweakOf(c) }
      expect(await client.call('musig2.get_pub_nonce_batch', { ...params, sighashes: [c.sighash, c.sighash] })).toEqual(
        {
          items: Array(2).fill({ pub_nonce: c.pubnonce, error: null }),
        },
      )
      const item = { sighash: c.sighash, aggnonce: c.aggnonce }
      expect(await client.call('musig2.get_our_partial_sig_batch', { ...params, items: [item] })).toEqual({
        items: [{ partial_sig: c.our_partial_sig, error: null }],
      })
    }
  })

  it('R33: should be the nonces of keys in another order, and of one signer alone', async () => {
    const client = await world()
    const [c] = MUSIG.musig2.cases
    const { unsorted_index1: unsorted, single_signer: single } = vectorsJson.musig2
    for (const [keys, of] of [
      [unsorted.ordered_pubkeys_xonly, unsorted],
      [[toHex(OWN_KEY)], single],
    ] as const) {
      const params = { ordered_pubkeys: keys, tweak: { kind: 'key', merkle_root: null } }
      expect(await client.call('musig2.get_pub_nonce', { ...params, sighash: c?.sighash })).toEqual({
        pub_nonce: of.pubnonce_head,
      })
      const outpoint = { txid: c?.outpoint_txid, vout: c?.outpoint_vout }
      expect(await client.call('musig2.get_pub_nonce_for_outpoint', { ...params, ...outpoint })).toEqual({
        pub_nonce: of.pubnonce_outpoint_version,
      })
    }
  })
})

describe('bad input to a real secret service, through the wire', () => {
  const ORDER = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141'
  const SIGHASH = '07'.repeat(32)
  const own = toHex(OWN_KEY)
  const keys = [own, ...KEYS.filter((k) => k !== own)]
  const nonce = { ordered_pubkeys: keys, tweak: { kind: 'key', merkle_root: null }, sighash: SIGHASH }
  const wallet = { target: 'general', digest: SIGHASH }

  it.each<[string, string, object, string]>([
    [
      'a key that is no point',
      'musig2.get_pub_nonce',
      { ...nonce, ordered_pubkeys: [own, 'ff'.repeat(32)] },
      'BAD_REQUEST',
    ],
    [
      'a key that is zero',
      'musig2.get_pub_nonce',
      { ...nonce, ordered_pubkeys: [own, '00'.repeat(32)] },
      'BAD_REQUEST',
    ],
    ['a key twice', 'musig2.get_pub_nonce', { ...nonce, ordered_pubkeys: [...keys, own] }, 'BAD_REQUEST'],
    [
      'the own key absent',
      'musig2.get_pub_nonce',
      { ...nonce, ordered_pubkeys: keys.slice(1) },
      'OUR_PUB_KEY_IS_NOT_IN_PARAMS',
    ],
    ['no keys', 'musig2.get_pub_nonce', { ...nonce, ordered_pubkeys: [] }, 'BAD_REQUEST'],
    [
      'no keys in a batch',
      'musig2.get_pub_nonce_batch',
      { ordered_pubkeys: [], tweak: nonce.tweak, sighashes: [SIGHASH] },
      'BAD_REQUEST',
    ],
    [
      'an empty batch',
      'musig2.get_pub_nonce_batch',
      { ordered_pubkeys: keys, tweak: nonce.tweak, sighashes: [] },
      'BAD_REQUEST',
    ],
    [
      'a nonce that was never issued',
      'musig2.get_our_partial_sig',
      { ...nonce, sighash: '08'.repeat(32), aggnonce: MUSIG.musig2.cases[0]?.aggnonce },
      'NONCE_NOT_ISSUED',
    ],
    ['a key tweak that is the order', 'schnorr.sign_with_key_tweak', { ...wallet, key_tweak: ORDER }, 'BAD_REQUEST'],
    [
      'a key tweak beyond the order',
      'schnorr.sign_with_key_tweak',
      { ...wallet, key_tweak: 'ff'.repeat(32) },
      'BAD_REQUEST',
    ],
  ])('should be a typed error: %s', async (_what, method, params, code) => {
    const client = await world()
    expect(await errorOf(client.call(method, params))).toMatchObject({ code })
    expect(await client.call('health', {})).toMatchObject({ ready: true })
  })

  it('should name the key tweak that is no scalar', async () => {
    const client = await world()
    const asked = { ...wallet, key_tweak: ORDER }
    expect(await errorOf(client.call('schnorr.sign_with_key_tweak', asked))).toMatchObject({
      data: { field: 'key_tweak', expected: 'a scalar below the group order' },
    })
  })

  it.each([
    ['no points', 'ff'.repeat(66)],
    ['half of one', `${'02'}${'00'.repeat(31)}07${'ff'.repeat(33)}`],
  ])('R30: should burn no nonce: an aggregate nonce of %s', async (_what, aggnonce) => {
    const client = await world()
    const c = MUSIG.musig2.cases.find(({ version }) => version !== 'outpoint')
    if (c === undefined) throw new Error('no such case')
    const params = { ordered_pubkeys: KEYS, tweak: tweakOf(c), sighash: c.sighash }
    await client.call('musig2.get_pub_nonce', params)
    expect(await errorOf(client.call('musig2.get_our_partial_sig', { ...params, aggnonce }))).toMatchObject({
      code: 'BAD_REQUEST',
      data: { field: 'aggnonce', expected: 'two points, or zeros for one at infinity' },
    })
    // What was asked rightly is still answered, and only then is the nonce bound.
    const partial = { ...params, aggnonce: c.aggnonce }
    expect(await client.call('musig2.get_our_partial_sig', partial)).toEqual({ partial_sig: c.our_partial_sig })
    const other = { ...params, aggnonce: c.pubnonce }
    expect(await errorOf(client.call('musig2.get_our_partial_sig', other))).toMatchObject({ code: 'EQUIVOCATION' })
  })

  it('R30: should touch only its own item of a batch', async () => {
    const client = await world('native')
    const { sighash: _, ...params } = nonce
    const sighashes = ['0a', '0b', '0c'].map((b) => b.repeat(32))
    const { items } = await client.call('musig2.get_pub_nonce_batch', { ...params, sighashes })
    const nonces = (items as { pub_nonce: string }[]).map((i) => i.pub_nonce)
    // A nonce that is its own aggregate is a point like any other.
    const asked = [
      { sighash: sighashes[0], aggnonce: nonces[0] },
      { sighash: sighashes[1], aggnonce: 'ff'.repeat(66) },
      { sighash: sighashes[2], aggnonce: nonces[2] },
      { sighash: sighashes[2], aggnonce: nonces[0] },
      { sighash: '0d'.repeat(32), aggnonce: nonces[0] },
    ]
    const answer = await client.call('musig2.get_our_partial_sig_batch', { ...params, items: asked })
    expect((answer.items as { error: { code: string } | null }[]).map((i) => i.error?.code)).toEqual([
      undefined,
      'BAD_REQUEST',
      undefined,
      'EQUIVOCATION',
      'NONCE_NOT_ISSUED',
    ])
  })

  it('R34: should keep a one-time key to its first message, or to its export', async () => {
    const client = await world('native')
    const at = (index: number) => ({ txid: '11'.repeat(32), vout: 0, index })
    const message = '22'.repeat(16)
    const first = await client.call('wots.get_128_signature', { ...at(0), message })
    expect(await client.call('wots.get_128_signature', { ...at(0), message })).toEqual(first)
    const other = { ...at(0), message: '23'.repeat(16) }
    expect(await errorOf(client.call('wots.get_128_signature', other))).toMatchObject({ code: 'EQUIVOCATION' })
    expect(await errorOf(client.call('wots.get_128_secret_key', at(0)))).toMatchObject({ code: 'EQUIVOCATION' })
    await client.call('wots.get_128_secret_key', at(1))
    expect(await errorOf(client.call('wots.get_128_signature', { ...at(1), message }))).toMatchObject({
      code: 'EQUIVOCATION',
    })
  })

  it('should answer the largest batches in one frame', async () => {
    const client = await world('native')
    const { sighash: _, ...params } = nonce
    const sighashes = Array.from({ length: 1_024 }, (_, i) => i.toString(16).padStart(64, '0'))
    const { items } = await client.call('musig2.get_pub_nonce_batch', { ...params, sighashes }, { timeoutMs: 60_000 })
    expect(items).toHaveLength(1_024)
    const aggnonce = MUSIG.musig2.cases[0]?.aggnonce
    const partials = await client.call(
      'musig2.get_our_partial_sig_batch',
      { ...params, items: sighashes.map((sighash) => ({ sighash, aggnonce })) },
      { timeoutMs: 60_000 },
    )
    expect((partials.items as { error: unknown }[]).filter((i) => i.error !== null)).toEqual([])
    const range = { txid: '11'.repeat(32), vout: 0, first_index: 0, count: 384 }
    const { public_keys: publicKeys } = await client.call('wots.get_128_public_key_batch', range, { timeoutMs: 60_000 })
    expect(publicKeys).toHaveLength(384)
  }, 120_000)
})
