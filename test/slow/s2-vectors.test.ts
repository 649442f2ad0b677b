import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromHex, toHex, utf8 } from '../../src/base/index.ts'
import type { MusigForm } from '../../src/crypto/index.ts'
import { curve, ed25519, nobleCurve, sha256, taggedHash } from '../../src/curve/index.ts'
import type { Client } from '../../src/rpc/client/index.ts'
import { type NonceMode, P2P_TAG } from '../../src/signer/index.ts'
import { countersign, temporaryFolder } from '../e2e/countersign.ts'
import { type RunningDevnet, startDevnet } from '../e2e/devnet.ts'
import { SeedNode } from '../e2e/seed-node.ts'
import { naiveMusigSigner, otherAggNonces } from '../fixtures/musig2-recover.ts'
import { VECTORS as MUSIG, type MusigCase, seedKeys } from '../unit/crypto/s2/musig2-fixtures.ts'

interface Vectors {
  readonly seed: string
  readonly keys: Readonly<Record<string, { readonly xonly_pub?: string; readonly pub?: string }>>
  readonly schnorr: readonly {
    readonly target: string
    readonly mode: string
    readonly digest: string
    readonly merkle_root: string | null
    readonly key_tweak: string | null
    readonly verify_xonly: string
  }[]
  readonly preimages: readonly (Readonly<Record<'txid' | 'preimage' | 'sha256(preimage)', string>> &
    Readonly<Record<'vout' | 'stake_index', number>>)[]
  readonly wots: readonly {
    readonly bits: 128 | 256
    readonly txid?: string
    readonly vout?: number
    readonly index?: number
    readonly msg: string
    readonly secret_key: string
    readonly public_key: string
    readonly signature: string
  }[]
}
const VECTORS: Vectors = JSON.parse(readFileSync(join(import.meta.dirname, '../vectors/s2.json'), 'utf8'))
/** Two have a material of their own instead of a place below the seed, so no method returns them. */
const ONE_TIME = VECTORS.wots.filter((w) => w.txid !== undefined)

/** The rest of the published keys. */
const OTHER_SEEDS = [
  {
    seed: '195a61de8fdac38f9c97e493c03718c98a3c85a977b49192ceac32e429f6c409',
    musig2: 'ac407ba319846e25d69c1c0cb2a845ab75ef93ad2e9e846cdc5cf6da766e00b2',
    p2p: '622c124f44c3456f6e1c678325636761567ae941e6592a7adcfd02fb51514d1d',
  },
  {
    seed: '175a61de8fdac38f9c97e493c03718c98a3c85a977b49192ceac32e429f6c409',
    musig2: 'c8200b381f7dd57f4c474d2bea56747fdfba32f2d20463f4269a1cf06a1acd77',
    p2p: '86246f6afb35af9b7c2cb1c41105b48d07d4d4219edefa6b884757d88b98b3ad',
  },
] as const

const folder = temporaryFolder()
let devnet: RunningDevnet
/** Of the devnet's first signer, in reference mode. */
let one: Client
/** For what the first may not do any more: a one-time key is exported or signs (R34). */
let another: SeedNode
let exporting: Client
beforeAll(async () => {
  const seedFile = join(folder.dir, 'seed')
  writeFileSync(seedFile, fromHex(VECTORS.seed), { mode: 0o600 })
  devnet = await startDevnet('--signers', '2', '--s2-seed-file', seedFile, '--nonce-mode', 'reference')
  one = await devnet.bridge(0)
  another = await seedNode('another', VECTORS.seed, 'native')
  exporting = await another.client()
})
afterAll(async () => {
  await Promise.all([one?.close(), another?.close()])
  await devnet?.stop()
  folder.remove()
})

/** A node process that reads the devnet's registry. */
async function seedNode(name: string, seed: string, nonceMode: NonceMode): Promise<SeedNode> {
  const { chainUrl: url, contract } = devnet.description
  const node = await SeedNode.make({
    dir: join(folder.dir, name),
    chain: { url, contract },
    seed: fromHex(seed),
    nonceMode,
  })
  await node.start()
  return node
}

const publishedKey = (path: string): string => {
  const found = Object.entries(VECTORS.keys).find(([name]) => name.startsWith(path))?.[1]
  return found?.xonly_pub ?? found?.pub ?? 'missing'
}

describe('every value of the reference that a method returns, of a signer of the devnet', () => {
  it.each([
    ['schnorr.public_key', { target: 'musig2' }, publishedKey('musig2 ')],
    ['schnorr.public_key', { target: 'general' }, publishedKey('general ')],
    ['schnorr.public_key', { target: 'stakechain' }, publishedKey('stakechain_or_reserved ')],
    ['p2p.public_key', { scheme: 'bip340' }, publishedKey('p2p_secp256k1 ')],
    ['p2p.public_key', { scheme: 'ed25519' }, publishedKey('p2p_ed25519 ')],
  ])('should be the public key of %s %j', async (method, params, key) => {
    expect(await one.call(method, params)).toEqual({ public_key: key })
  })

  it.each(OTHER_SEEDS)('should be the published keys of seed $seed', async ({ seed, musig2, p2p }) => {
    const node = await seedNode(seed.slice(0, 4), seed, 'native')
    const client = await node.client()
    expect(await client.call('schnorr.public_key', { target: 'musig2' })).toEqual({ public_key: musig2 })
    expect(await client.call('p2p.public_key', { scheme: 'ed25519' })).toEqual({ public_key: p2p })
    await node.close()
  })

  it.each(VECTORS.schnorr)(
    'should be a signature that verifies: $target $mode, root $merkle_root, tweak $key_tweak',
    async ({ target, mode, digest, merkle_root: tap_tweak, key_tweak, verify_xonly }) => {
      const method = `schnorr.${mode.split(' ')[0]}`
      const tweaks = method === 'schnorr.sign_no_tweak' ? {} : { tap_tweak }
      const params = { target, digest, ...tweaks, ...(key_tweak === null ? {} : { key_tweak }) }
      const { signature } = await one.call(method, params)
      expect(curve.schnorrVerify(hexIn(signature), fromHex(digest), fromHex(verify_xonly))).toBe(true)
      // No root is the tweak without one, however it is said.
      if (tap_tweak !== null || !('tap_tweak' in params)) return
      const { tap_tweak: _, ...without } = params
      const again = await one.call(method, without)
      expect(curve.schnorrVerify(hexIn(again.signature), fromHex(digest), fromHex(verify_xonly))).toBe(true)
    },
  )

  it.each(['bip340', 'ed25519'])('should be a signature of the P2P key: %s', async (scheme) => {
    for (const message of [new Uint8Array(0), utf8('one message'), new Uint8Array(1_000).fill(7)]) {
      const { signature } = await one.call('p2p.sign', { scheme, message: toHex(message) })
      const key = fromHex(publishedKey(scheme === 'bip340' ? 'p2p_secp256k1 ' : 'p2p_ed25519 '))
      expect(
        scheme === 'bip340'
          ? curve.schnorrVerify(hexIn(signature), taggedHash(P2P_TAG, message), key)
          : ed25519.verify(hexIn(signature), message, key),
      ).toBe(true)
    }
  })

  it.each(VECTORS.preimages)('should be a preimage: $txid $vout $stake_index', async (v) => {
    const { preimage } = await one.call('preimages.get_preimage', {
      prestake_txid: v.txid,
      prestake_vout: v.vout,
      stake_index: v.stake_index,
    })
    expect(preimage).toBe(v.preimage)
    expect(toHex(sha256(hexIn(preimage)))).toBe(v['sha256(preimage)'])
  })

  it.each(ONE_TIME)('should be a one-time key and its signature: $bits $txid $vout $index', async (v) => {
    const { txid, vout, index = 0, msg: message } = v
    const place = { txid, vout, index }
    const method = (what: string) => `wots.get_${v.bits}_${what}`
    expect(await one.call(method('public_key'), place)).toEqual({ public_key: v.public_key })
    expect(await one.call(method('signature'), { ...place, message })).toEqual({ signature: v.signature })
    expect(await exporting.call(method('secret_key'), place)).toEqual({ secret_key: v.secret_key })
    const range = { txid, vout, first_index: index, count: 2 }
    const { public_keys: keys } = await one.call(method('public_key_batch'), range)
    expect(keys).toHaveLength(2)
    expect(keys).toMatchObject([v.public_key, expect.not.stringMatching(v.public_key)])
  })
})

const tweakOf = ({ tweak, merkle_root }: Pick<MusigCase, 'tweak' | 'merkle_root'>) =>
  tweak.startsWith('Script') ? { kind: 'script' } : { kind: 'key', merkle_root }
const KEY = { kind: 'key', merkle_root: null }
const [first] = MUSIG.musig2.cases
const PLACE = { txid: first?.outpoint_txid ?? '', vout: first?.outpoint_vout ?? 0 }
const SIGHASH = first?.sighash ?? ''
const KEYS = [...MUSIG.musig2.ordered_pubkeys_xonly]

describe('R33: MuSig2 in reference mode, through the devnet', () => {
  it.each(MUSIG.musig2.cases)('should be the nonce and the partial signature of $version, $tweak', async (c) => {
    const common = { ordered_pubkeys: KEYS, tweak: tweakOf(c) }
    const { aggnonce } = c
    const [nonce, partial, asked, signs] =
      c.version === 'sighash'
        ? (['musig2.get_pub_nonce', 'musig2.get_our_partial_sig', { sighash: SIGHASH }, {}] as const)
        : ([
            'musig2.get_pub_nonce_for_outpoint',
            'musig2.get_our_partial_sig_for_outpoint',
            PLACE,
            { message: c.sighash },
          ] as const)
    expect(await one.call(nonce, { ...common, ...asked })).toEqual({ pub_nonce: c.pubnonce })
    const ask = () => one.call(partial, { ...common, ...asked, ...signs, aggnonce })
    expect(await ask()).toEqual({ partial_sig: c.our_partial_sig })
    expect(await ask()).toEqual({ partial_sig: c.our_partial_sig })
  })

  it('should be those of the batch, with what is wrong with one item beside the others', async () => {
    const [a, b] = MUSIG.musig2.cases.filter((c) => c.version === 'sighash')
    if (a === undefined || b === undefined) throw new Error('no such cases')
    const common = { ordered_pubkeys: KEYS, tweak: tweakOf(a) }
    const sighashes = [a.sighash, '22'.repeat(32)]
    const { items: nonces } = await one.call('musig2.get_pub_nonce_batch', { ...common, sighashes })
    expect(nonces).toMatchObject([{ pub_nonce: a.pubnonce }, { pub_nonce: expect.stringMatching(/^[0-9a-f]{132}$/) }])
    const items = [
      { sighash: a.sighash, aggnonce: a.aggnonce },
      { sighash: '33'.repeat(32), aggnonce: a.aggnonce },
      { sighash: a.sighash, aggnonce: b.aggnonce },
    ]
    const answer = await one.call('musig2.get_our_partial_sig_batch', { ...common, items })
    expect(answer.items).toMatchObject([
      { partial_sig: a.our_partial_sig },
      { error: { code: 'NONCE_NOT_ISSUED' } },
      { error: { code: 'EQUIVOCATION' } },
    ])
  })

  it.each([
    ['keys in another order', MUSIG.musig2.unsorted_index1],
    ['one signer', MUSIG.musig2.single_signer],
  ])('should be the nonces of both forms: %s', async (_, v) => {
    const ordered_pubkeys = v.ordered_pubkeys_xonly ?? [publishedKey('musig2 ')]
    const common = { ordered_pubkeys, tweak: KEY }
    expect(await one.call('musig2.get_pub_nonce', { ...common, sighash: SIGHASH })).toEqual({
      pub_nonce: v.pubnonce_head,
    })
    expect(await one.call('musig2.get_pub_nonce_for_outpoint', { ...common, ...PLACE })).toEqual({
      pub_nonce: v.pubnonce_outpoint_version,
    })
  })

  it.each([
    ['one signer', [publishedKey('musig2 ')], 'sighash'],
    ['one signer', [publishedKey('musig2 ')], 'outpoint'],
    ['keys in another order', MUSIG.musig2.unsorted_index1.ordered_pubkeys_xonly ?? [], 'sighash'],
    ['keys in another order', MUSIG.musig2.unsorted_index1.ordered_pubkeys_xonly ?? [], 'outpoint'],
  ] as const)(
    'should be the partial signature that the same nonce gives elsewhere: %s %j, %s',
    async (_, keys, kind) => {
      const reference = naiveMusigSigner(seedKeys(nobleCurve))
      const params = { orderedPublicKeys: keys.map(fromHex), tweak: { kind: 'key', merkleRoot: null } } as const
      const form: MusigForm =
        kind === 'sighash' ? { kind, sighash: fromHex(SIGHASH) } : { kind, txid: fromHex(PLACE.txid), vout: PLACE.vout }
      const [aggNonce = new Uint8Array(0)] =
        keys.length === 1
          ? [reference.publicNonce(params, form)]
          : otherAggNonces(reference.publicNonce(params, form), 1)
      const expected = reference.partial(params, form, aggNonce, fromHex(SIGHASH))
      const suffix = kind === 'sighash' ? '' : '_for_outpoint'
      const asked = { ordered_pubkeys: keys, tweak: KEY, ...(kind === 'sighash' ? { sighash: SIGHASH } : PLACE) }
      await one.call(`musig2.get_pub_nonce${suffix}`, asked)
      const signs = { aggnonce: toHex(aggNonce), ...(kind === 'sighash' ? {} : { message: SIGHASH }) }
      expect(await one.call(`musig2.get_our_partial_sig${suffix}`, { ...asked, ...signs })).toEqual({
        partial_sig: toHex(expected),
      })
    },
  )

  it('should be refused where the own key is not among them', async () => {
    const ordered_pubkeys = KEYS.slice(1)
    const asked = one.call('musig2.get_pub_nonce', { ordered_pubkeys, tweak: KEY, sighash: SIGHASH })
    await expect(asked).rejects.toMatchObject({ code: 'OUR_PUB_KEY_IS_NOT_IN_PARAMS' })
  })

  it('R31: should be other nonces in native mode, and the same ones when they are asked for again', async () => {
    const params = { ordered_pubkeys: KEYS, tweak: KEY, sighash: SIGHASH }
    const answer = await exporting.call('musig2.get_pub_nonce', params)
    expect(answer).not.toEqual(await one.call('musig2.get_pub_nonce', params))
    expect(await exporting.call('musig2.get_pub_nonce', params)).toEqual(answer)
  })
})

describe('countersign call', () => {
  const call = async (method: string, params: object) => {
    const { signers, bridge } = devnet.description
    const to = signers[0]?.addresses[0] ?? ''
    const done = await countersign('call', '--to', to, '--key', bridge.keyFile, method, JSON.stringify(params)).finished
    expect(done.stderr).toBe('')
    return { code: done.code, json: JSON.parse(done.stdout) }
  }
  const musig = { ordered_pubkeys: KEYS, tweak: KEY }
  const [outpointCase, sighashCase] = MUSIG.musig2.cases
  const [preimage] = VECTORS.preimages
  const [wots] = ONE_TIME
  const place = { txid: wots?.txid, vout: wots?.vout, index: wots?.index }

  it.each<[string, object, object]>([
    ['schnorr.public_key', { target: 'musig2' }, { public_key: publishedKey('musig2 ') }],
    ['p2p.public_key', { scheme: 'ed25519' }, { public_key: publishedKey('p2p_ed25519 ') }],
    ['musig2.get_pub_nonce', { ...musig, sighash: SIGHASH }, { pub_nonce: sighashCase?.pubnonce }],
    [
      'musig2.get_our_partial_sig',
      { ...musig, sighash: SIGHASH, aggnonce: sighashCase?.aggnonce },
      { partial_sig: sighashCase?.our_partial_sig },
    ],
    ['musig2.get_pub_nonce_for_outpoint', { ...musig, ...PLACE }, { pub_nonce: outpointCase?.pubnonce }],
    [
      'musig2.get_our_partial_sig_for_outpoint',
      { ...musig, ...PLACE, message: SIGHASH, aggnonce: outpointCase?.aggnonce },
      { partial_sig: outpointCase?.our_partial_sig },
    ],
    [
      'preimages.get_preimage',
      { prestake_txid: preimage?.txid, prestake_vout: preimage?.vout, stake_index: preimage?.stake_index },
      { preimage: preimage?.preimage },
    ],
    ['wots.get_128_public_key', place, { public_key: wots?.public_key }],
    ['wots.get_128_signature', { ...place, message: wots?.msg }, { signature: wots?.signature }],
  ])('should print the published value of %s', async (method, params, result) => {
    expect(await call(method, params)).toEqual({ code: 0, json: result })
  })

  it('R30: should print why another use of the same nonce is refused, and end with 1', async () => {
    const other = MUSIG.musig2.cases[3]?.aggnonce
    expect(await call('musig2.get_our_partial_sig', { ...musig, sighash: SIGHASH, aggnonce: other })).toEqual({
      code: 1,
      json: { error: { code: 'EQUIVOCATION', message: expect.any(String), request_id: expect.anything() } },
    })
  })
})

function hexIn(value: unknown): Uint8Array {
  if (typeof value !== 'string') throw new TypeError('expected hex')
  return fromHex(value)
}
