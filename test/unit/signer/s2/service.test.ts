import { describe, expect, it } from 'vitest'
import { fromHex, silentLogger, toHex } from '../../../../src/base/index.ts'
import { curve, ed25519, sha256, taggedHash } from '../../../../src/curve/index.ts'
import { chainThreads, P2P_TAG, type SchnorrItem } from '../../../../src/signer/index.ts'
import { mapInSlices } from '../../../../src/signer/s2/slices.ts'
import vectorsJson from '../../../vectors/s2.json' with { type: 'json' }
import { formOf, tweakOf, VECTORS } from '../../crypto/s2/musig2-fixtures.ts'
import { codeThrownBy, tempFolders } from '../../store/temp-folder.ts'
import {
  ANSWER,
  aggNonceOf,
  bytes,
  freshRun,
  homeIn,
  inlineChains,
  messageOf,
  nonce,
  OWN_KEY,
  only,
  others,
  outpoint,
  paramsOf,
  partial,
  run,
  SEED,
  sighash,
  textOf,
  wotsJob,
} from './service-fixtures.ts'

const tempFolder = tempFolders()
const homes = () => homeIn(tempFolder())
const params = (i: number) => {
  const c = VECTORS.musig2.cases[i]
  if (c === undefined) throw new Error('no such case')
  return c
}

describe('the values that are published', () => {
  it.each(VECTORS.musig2.cases.map((c, i) => [i, c.version, c.tweak] as const))(
    'R33: should be made in reference mode: MuSig2 case %i, %s, %s',
    async (i) => {
      const c = params(i)
      const s = await freshRun(homes(), { mode: 'reference' })
      const asked = { orderedPublicKeys: VECTORS.musig2.ordered_pubkeys_xonly.map(fromHex), tweak: tweakOf(c) }
      expect(await nonce(s, formOf(c), asked)).toBe(c.pubnonce)
      const message = fromHex(c.sighash)
      expect(await partial(s, formOf(c), fromHex(c.aggnonce), message, asked)).toBe(c.our_partial_sig)
      await s.stop()
    },
  )

  it('R31: should not be made in native mode, where lost randomness means another nonce', async () => {
    const c = params(1)
    const asked = { orderedPublicKeys: VECTORS.musig2.ordered_pubkeys_xonly.map(fromHex), tweak: tweakOf(c) }
    const shown = new Set<string>([c.pubnonce])
    for (let i = 0; i < 3; i++) {
      const s = await freshRun(homes())
      shown.add(await nonce(s, formOf(c), asked))
      await s.stop()
    }
    expect(shown.size).toBe(4)
  })

  it('should be those of one-time keys, preimages and wallets', async () => {
    const s = await freshRun(homes())
    for (const w of vectorsJson.wots) {
      // One has a material of its own instead of a place below the seed.
      if (w.txid === undefined || w.vout === undefined || w.index === undefined) continue
      const bits = w.bits === 128 ? 128 : 256
      const job = { bits, place: { txid: fromHex(w.txid), vout: w.vout, index: w.index } } as const
      expect((await s.service.wotsPublicKeys([job])).map(toHex)).toEqual([w.public_key])
      const signed = await s.service.wotsSignature(job, fromHex(w.msg)).catch((error: { code: string }) => error.code)
      if (signed instanceof Uint8Array) expect(toHex(signed)).toBe(w.signature)
      else expect(signed).toBe('EQUIVOCATION')
    }
    for (const p of vectorsJson.preimages) {
      const stake = { txid: fromHex(p.txid), vout: p.vout, index: p.stake_index }
      expect(toHex(await s.service.preimage(stake))).toBe(p.preimage)
    }
    for (const v of vectorsJson.schnorr) {
      const target = v.target === 'general' || v.target === 'musig2' ? v.target : 'stakechain'
      const tweak: SchnorrItem['tweak'] =
        v.mode === 'sign_no_tweak'
          ? { kind: 'none' }
          : {
              kind: 'taproot',
              merkleRoot: v.merkle_root === null ? null : fromHex(v.merkle_root),
              ...(v.key_tweak === null ? {} : { keyTweak: fromHex(v.key_tweak) }),
            }
      const signature = fromHex(only(await s.service.schnorrSign(target, [{ digest: fromHex(v.digest), tweak }])))
      expect(curve.schnorrVerify(signature, fromHex(v.digest), fromHex(v.verify_xonly))).toBe(true)
    }
    expect(toHex(s.service.schnorrPublicKey('musig2'))).toBe(toHex(OWN_KEY))
    expect(toHex(s.service.p2pPublicKey('ed25519'))).toBe(
      vectorsJson.keys['p2p_ed25519 (2026-01 on) m/20000h/20h/100h'].pub,
    )
    await s.stop()
  })
})

describe('wallets', () => {
  it.each<[string, SchnorrItem]>([
    ['a short digest', { digest: bytes(1, 31), tweak: { kind: 'none' } }],
    ['a long root', { digest: bytes(1), tweak: { kind: 'taproot', merkleRoot: bytes(1, 33) } }],
    [
      'a tweak beyond the order',
      { digest: bytes(1), tweak: { kind: 'taproot', merkleRoot: null, keyTweak: bytes(255) } },
    ],
    ['a short tweak', { digest: bytes(1), tweak: { kind: 'taproot', merkleRoot: null, keyTweak: bytes(1, 31) } }],
  ])('should refuse %s, and answer the other items', async (_, bad) => {
    const s = await freshRun(homes())
    const good: SchnorrItem = { digest: bytes(1), tweak: { kind: 'none' } }
    const outcomes = (await s.service.schnorrSign('general', [good, bad, good])).map(textOf)
    expect(outcomes[1]).toBe('BAD_REQUEST')
    for (const i of [0, 2]) expect(outcomes[i]).toMatch(ANSWER)
    await s.stop()
  })

  it('should sign messages of the P2P interface in both schemes', async () => {
    const s = await freshRun(homes())
    for (const length of [0, 1, 1_000]) {
      const message = bytes(7, length)
      const schnorr = await s.service.p2pSign('bip340', message)
      const key = s.service.p2pPublicKey('bip340')
      expect(curve.schnorrVerify(schnorr, taggedHash(P2P_TAG, message), key)).toBe(true)
      expect(curve.schnorrVerify(schnorr, sha256(message), key)).toBe(false)
      const ed = await s.service.p2pSign('ed25519', message)
      expect(ed25519.verify(ed, message, s.service.p2pPublicKey('ed25519'))).toBe(true)
    }
    await s.stop()
  })
})

describe('MuSig2 params', () => {
  const [a, b] = others(2)
  it.each([
    ['no own key', [a, b], 'OUR_PUB_KEY_IS_NOT_IN_PARAMS'],
    ['no key at all', [], 'BAD_REQUEST'],
    ['a key twice', [OWN_KEY, a, a], 'BAD_REQUEST'],
    ['a short key', [OWN_KEY, bytes(1, 31)], 'BAD_REQUEST'],
    ['what is no point', [OWN_KEY, bytes(255)], 'BAD_REQUEST'],
  ])('should be refused as a whole: %s', async (_, keys, code) => {
    const s = await freshRun(homes())
    const asked = { ...paramsOf(), orderedPublicKeys: keys.filter((k) => k !== undefined) }
    const item = { form: sighash(1), aggNonce: aggNonceOf(1), message: messageOf(1) }
    expect(await codeThrownBy(s.service.musigNonces(asked, [sighash(1)]))).toBe(code)
    expect(await codeThrownBy(s.service.musigPartials(asked, [item]))).toBe(code)
    await s.stop()
  })

  it('should be refused with a root of another length', async () => {
    const s = await freshRun(homes())
    const asked = { ...paramsOf(), tweak: { kind: 'key' as const, merkleRoot: bytes(1, 31) } }
    expect(await codeThrownBy(s.service.musigNonces(asked, [sighash(1)]))).toBe('BAD_REQUEST')
    await s.stop()
  })

  it('should be what was asked for, whatever the caller does with his bytes meanwhile', async () => {
    const s = await freshRun(homes())
    const form = { kind: 'outpoint' as const, txid: messageOf(1), vout: 1 }
    const asked = s.service.musigNonces(paramsOf(), [form])
    form.txid.fill(0)
    expect(only(await asked)).toBe(await nonce(s, outpoint(1)))
    const [aggNonce, message] = [aggNonceOf(0), messageOf(9)]
    const signed = s.service.musigPartials(paramsOf(), [{ form: outpoint(1), aggNonce, message }])
    aggNonce.fill(0)
    message.fill(0)
    expect(only(await signed)).toBe(await partial(s, outpoint(1)))
    await s.stop()
  })
})

describe('start and stop', () => {
  it('incident 20: should name both keys where the seed is another one than pinned, and leave everything as it is', async () => {
    const home = homes()
    await freshRun(home).then((s) => s.stop())
    const pinned = bytes(1)
    const failed = run(home, { expectedPublicKey: pinned })
    await expect(failed).rejects.toMatchObject({
      code: 'S2_SEED_OTHER_KEY',
      data: { expected: toHex(pinned), found: toHex(OWN_KEY) },
    })
    const s = await run(home, { expectedPublicKey: OWN_KEY })
    expect(s.service.memory.status().continuity).toEqual({ standing: 'proven' })
    await s.stop()
  })

  it('R33: should refuse reference mode where the config does not allow it', async () => {
    const home = homes()
    expect(await codeThrownBy(freshRun(home, { mode: 'reference', referenceAllowed: false }))).toBe(
      'S2_REFERENCE_FORBIDDEN',
    )
    await freshRun(home, { mode: 'native', referenceAllowed: false }).then((s) => s.stop())
  })

  it('should refuse a seed of another length', async () => {
    await expect(freshRun(homes(), { seed: bytes(1, 31) })).rejects.toThrow(TypeError)
  })

  it('should answer nobody before and after, and what has begun', async () => {
    const s = await freshRun(homes())
    const begun = s.service.musigNonces(paramsOf(), [sighash(1)])
    const stopped = s.service.stop()
    expect(await codeThrownBy(s.service.musigNonces(paramsOf(), [sighash(2)]))).toBe('STOPPED')
    expect(await codeThrownBy(s.service.preimage(wotsJob(1).place))).toBe('STOPPED')
    expect(() => s.service.schnorrPublicKey('general')).toThrow(expect.objectContaining({ code: 'STOPPED' }))
    expect(only(await begun)).toMatch(ANSWER)
    await stopped
    await s.store.stop()
  })

  it('should zero the seed that it was given', async () => {
    const seed = Uint8Array.from(SEED)
    const s = await freshRun(homes())
    await s.stop()
    const { s2Service } = await import('../../../../src/signer/index.ts')
    const home = homes()
    const again = await freshRun(home)
    await again.service.stop()
    const service = s2Service({
      space: (name) => again.store.space(name),
      instanceFile: home.instance,
      journalFile: undefined,
      logger: silentLogger,
      onFatal: () => {},
      openSeed: async () => seed,
      expectedPublicKey: undefined,
      nonceMode: 'native',
      referenceAllowed: false,
      importedNoncesFile: undefined,
      chains: inlineChains,
    })
    await service.start()
    expect(seed).toEqual(bytes(0))
    await service.stop()
    await again.store.stop()
  })

  it('should start again in one process', async () => {
    const s = await freshRun(homes())
    const shown = await nonce(s, sighash(1))
    await s.service.stop()
    await s.service.start()
    expect(await nonce(s, sighash(1))).toBe(shown)
    await s.stop()
  })
})

describe('long batches', () => {
  it('should leave the event loop to others', async () => {
    let turns = 0
    let isOver = false
    const others = () => {
      turns++
      if (!isOver) setImmediate(others)
    }
    setImmediate(others)
    const busy = (ms: number) => {
      for (const from = performance.now(); performance.now() - from < ms; );
    }
    const made = await mapInSlices([1, 2, 3, 4, 5, 6], (n) => {
      busy(9)
      return n
    })
    isOver = true
    expect(made).toEqual([1, 2, 3, 4, 5, 6])
    expect(turns).toBeGreaterThanOrEqual(5)
  })

  it('should be answered whole, or not at all when nobody waits', async () => {
    const s = await freshRun(homes())
    const forms = Array.from({ length: 1_005 }, (_, i) => sighash(i))
    expect((await s.service.musigNonces(paramsOf(15), forms)).every((o) => o.ok)).toBe(true)
    const leaving = new AbortController()
    const asked = s.service.musigNonces(paramsOf(15), forms, leaving.signal)
    leaving.abort()
    expect(await codeThrownBy(asked)).toBe('CANCELLED')
    expect(await codeThrownBy(s.service.wotsPublicKeys([wotsJob(1)], leaving.signal))).toBe('CANCELLED')
    await s.stop()
  })

  it('should make one-time keys on threads as well', async () => {
    const s = await freshRun(homes(), {
      chains: (material) => chainThreads({ material, logger: silentLogger, threads: 1 }),
    })
    const inline = await freshRun(homes())
    expect(await s.service.wotsPublicKeys([wotsJob(1), wotsJob(2, 256)])).toEqual(
      await inline.service.wotsPublicKeys([wotsJob(1), wotsJob(2, 256)]),
    )
    expect(await s.service.wotsSignature(wotsJob(1), bytes(1, 16))).toEqual(
      await inline.service.wotsSignature(wotsJob(1), bytes(1, 16)),
    )
    await s.stop()
    await inline.stop()
  })
})
