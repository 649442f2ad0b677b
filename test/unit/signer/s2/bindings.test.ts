import { describe, expect, it } from 'vitest'
import { codeThrownBy, tempFolders } from '../../store/temp-folder.ts'
import {
  ANSWER,
  aggNonceOf,
  bytes,
  freshRun,
  homeIn,
  messageOf,
  nonce,
  outpoint,
  paramsOf,
  partial,
  run,
  sighash,
  textOf,
  wotsJob,
} from './service-fixtures.ts'

const tempFolder = tempFolders()

describe.each(['native', 'reference'] as const)('bindings of MuSig2 nonces, %s', (mode) => {
  const start = (home = homeIn(tempFolder())) => freshRun(home, { mode })

  it('R30: should sign once with a nonce, and again only the same', async () => {
    const s = await start()
    const form = outpoint(1)
    const shown = await nonce(s, form)
    expect(shown).toMatch(ANSWER)
    const signed = await partial(s, form)
    expect(signed).toMatch(ANSWER)
    expect(await partial(s, form)).toBe(signed)
    expect(await nonce(s, form)).toBe(shown)
    await s.stop()
  })

  it.each([
    ['another aggregate nonce', { aggNonce: aggNonceOf(1) }],
    ['another message', { message: messageOf(10) }],
    ['both', { aggNonce: aggNonceOf(1), message: messageOf(10) }],
  ])(
    'R30: should refuse %s in the form of outpoints',
    async (_, other: { aggNonce?: Uint8Array; message?: Uint8Array }) => {
      const s = await start()
      const form = outpoint(1)
      await nonce(s, form)
      await partial(s, form)
      expect(await partial(s, form, other.aggNonce ?? aggNonceOf(0), other.message ?? messageOf(9))).toBe(
        'EQUIVOCATION',
      )
      await s.stop()
    },
  )

  it('R30: should refuse another aggregate nonce in the form of sighashes', async () => {
    const s = await start()
    await nonce(s, sighash(1))
    await partial(s, sighash(1))
    expect(await partial(s, sighash(1), aggNonceOf(1))).toBe('EQUIVOCATION')
    await s.stop()
  })

  it('R30: should sign under each tweak, since each has a nonce of its own', async () => {
    const s = await start()
    const script = { ...paramsOf(), tweak: { kind: 'script' as const } }
    await nonce(s, sighash(1))
    expect(await nonce(s, sighash(1), script)).not.toBe(await nonce(s, sighash(1)))
    expect(await partial(s, sighash(1))).toMatch(ANSWER)
    expect(await partial(s, sighash(1), aggNonceOf(1), messageOf(1), script)).toMatch(ANSWER)
    await s.stop()
  })

  it('R33: should sign with no nonce that was not shown here', async () => {
    const s = await start()
    expect(await partial(s, sighash(1))).toBe('NONCE_NOT_ISSUED')
    expect(await partial(s, outpoint(1))).toBe('NONCE_NOT_ISSUED')
    await nonce(s, sighash(1))
    expect(await partial(s, sighash(2))).toBe('NONCE_NOT_ISSUED')
    await s.stop()
  })

  it.each([
    ['a short aggregate nonce', { aggNonce: bytes(2, 65) }],
    ['an aggregate nonce that is no point', { aggNonce: bytes(5, 66) }],
    ['a short message', { message: bytes(1, 31) }],
    ['a message that is not the sighash', { message: messageOf(2) }],
  ])('R30: should burn no nonce over %s', async (_, bad: { aggNonce?: Uint8Array; message?: Uint8Array }) => {
    const s = await start()
    await nonce(s, sighash(1))
    expect(await partial(s, sighash(1), bad.aggNonce ?? aggNonceOf(1), bad.message ?? messageOf(1))).toBe('BAD_REQUEST')
    expect(await partial(s, sighash(1))).toMatch(ANSWER)
    await s.stop()
  })

  it('R30: should let one of two uses pass that come in one tick', async () => {
    const s = await start()
    const form = outpoint(1)
    await nonce(s, form)
    const answers = await Promise.all([0, 1, 2, 3].map((n) => partial(s, form, aggNonceOf(n))))
    expect(answers.filter((a) => a !== 'EQUIVOCATION')).toHaveLength(1)
    await s.stop()
  })

  it('R30: should let one of two uses pass that come in one tick, neither in memory yet', async () => {
    const home = homeIn(tempFolder())
    const before = await start(home)
    await nonce(before, outpoint(1))
    await before.stop()
    const s = await run(home, { mode })
    const answers = await Promise.all([0, 1, 2, 3].map((n) => partial(s, outpoint(1), aggNonceOf(n))))
    expect(answers.filter((a) => a !== 'EQUIVOCATION')).toHaveLength(1)
    await s.stop()
  })

  it('R30: should let the first of a batch pass that asks twice, and answer the same twice', async () => {
    const s = await start()
    const form = outpoint(1)
    await nonce(s, form)
    const item = (n: number) => ({ form, aggNonce: aggNonceOf(n), message: messageOf(9) })
    const outcomes = await s.service.musigPartials(paramsOf(), [item(0), item(1), item(0), item(2)])
    const [first, second, third, fourth] = outcomes.map(textOf)
    expect(first).toMatch(ANSWER)
    expect([second, fourth]).toEqual(['EQUIVOCATION', 'EQUIVOCATION'])
    expect(third).toBe(first)
    await s.stop()
  })

  it('R30: should answer the other items of a batch', async () => {
    const s = await start()
    const forms = [sighash(1), { kind: 'sighash' as const, sighash: bytes(1, 31) }, sighash(3)]
    const shown = (await s.service.musigNonces(paramsOf(), forms)).map(textOf)
    expect(shown[1]).toBe('BAD_REQUEST')
    for (const i of [0, 2]) expect(shown[i]).toMatch(ANSWER)
    const items = [1, 2, 3].map((n) => ({ form: sighash(n), aggNonce: aggNonceOf(n), message: messageOf(n) }))
    const signed = (await s.service.musigPartials(paramsOf(), items)).map(textOf)
    expect(signed[1]).toBe('NONCE_NOT_ISSUED')
    for (const i of [0, 2]) expect(signed[i]).toMatch(ANSWER)
    await s.stop()
  })

  it('R30, incident 17: should hold over a restart', async () => {
    const home = homeIn(tempFolder())
    const before = await start(home)
    const shown = await nonce(before, outpoint(1))
    const signed = await partial(before, outpoint(1))
    await before.stop()
    const s = await run(home, { mode })
    expect(await partial(s, outpoint(1), aggNonceOf(1))).toBe('EQUIVOCATION')
    expect(await partial(s, outpoint(1), aggNonceOf(0), messageOf(10))).toBe('EQUIVOCATION')
    expect(await partial(s, outpoint(1))).toBe(signed)
    expect(await nonce(s, outpoint(1))).toBe(shown)
    await s.stop()
  })

  it('R30: should hold when idle records are dropped from memory', async () => {
    const s = await freshRun(homeIn(tempFolder()), { mode, maxIdle: 0 })
    const shown = await nonce(s, outpoint(1))
    const signed = await partial(s, outpoint(1))
    expect(s.service.memory.table.size).toBe(0)
    expect(await partial(s, outpoint(1), aggNonceOf(1))).toBe('EQUIVOCATION')
    expect(await partial(s, outpoint(1))).toBe(signed)
    expect(await nonce(s, outpoint(1))).toBe(shown)
    await s.stop()
  })
})

describe('bindings of one-time keys', () => {
  const [M, OTHER] = [bytes(1, 16), bytes(2, 16)]

  it('R34: should sign one message, and that again', async () => {
    const s = await freshRun(homeIn(tempFolder()))
    const signature = await s.service.wotsSignature(wotsJob(1), M)
    expect(signature).toHaveLength(756)
    expect(await codeThrownBy(s.service.wotsSignature(wotsJob(1), OTHER))).toBe('EQUIVOCATION')
    expect(await s.service.wotsSignature(wotsJob(1), M)).toEqual(signature)
    expect(await s.service.wotsSignature(wotsJob(2), OTHER)).toHaveLength(756)
    await s.stop()
  })

  it('R34: should not hand out a key that has signed, nor sign with one that was handed out', async () => {
    const s = await freshRun(homeIn(tempFolder()))
    await s.service.wotsSignature(wotsJob(1), M)
    expect(await codeThrownBy(s.service.wotsSecretKey(wotsJob(1)))).toBe('EQUIVOCATION')
    const exported = await s.service.wotsSecretKey(wotsJob(2))
    expect(exported).toHaveLength(720)
    expect(await codeThrownBy(s.service.wotsSignature(wotsJob(2), M))).toBe('EQUIVOCATION')
    expect(await s.service.wotsSecretKey(wotsJob(2))).toEqual(exported)
    await s.stop()
  })

  it('R34: should tell kinds and places apart', async () => {
    const s = await freshRun(homeIn(tempFolder()))
    const at = (bits: 128 | 256, vout: number, index: number) => ({ bits, place: { txid: bytes(7), vout, index } })
    await s.service.wotsSignature(at(128, 1, 2), M)
    expect(await s.service.wotsSignature(at(256, 1, 2), bytes(2))).toHaveLength(1428)
    expect(await s.service.wotsSignature(at(128, 2, 1), OTHER)).toHaveLength(756)
    expect(await codeThrownBy(s.service.wotsSignature(at(128, 1, 2), OTHER))).toBe('EQUIVOCATION')
    await s.stop()
  })

  it('R34, incident 18: should hold over a restart, in one tick, and out of memory', async () => {
    const home = homeIn(tempFolder())
    const before = await freshRun(home)
    await before.service.wotsSignature(wotsJob(1), M)
    await before.service.wotsSecretKey(wotsJob(2))
    await before.stop()
    const s = await run(home, { maxIdle: 0 })
    expect(await codeThrownBy(s.service.wotsSignature(wotsJob(1), OTHER))).toBe('EQUIVOCATION')
    expect(await codeThrownBy(s.service.wotsSignature(wotsJob(2), M))).toBe('EQUIVOCATION')
    const codes = await Promise.all([M, OTHER].map((m) => codeThrownBy(s.service.wotsSignature(wotsJob(3), m))))
    expect(codes).toEqual([undefined, 'EQUIVOCATION'])
    const both = [s.service.wotsSecretKey(wotsJob(4)), s.service.wotsSignature(wotsJob(4), M)]
    expect(await Promise.all(both.map(codeThrownBy))).toEqual([undefined, 'EQUIVOCATION'])
    await s.stop()
  })

  it('R34: should burn no key over a message of another length', async () => {
    const s = await freshRun(homeIn(tempFolder()))
    for (const message of [bytes(1, 15), bytes(1, 17), bytes(1, 32), bytes(1, 0)])
      expect(await codeThrownBy(s.service.wotsSignature(wotsJob(1), message))).toBe('BAD_REQUEST')
    expect(await s.service.wotsSignature(wotsJob(1), M)).toHaveLength(756)
    await s.stop()
  })

  it.each([
    ['bits', { ...wotsJob(1), bits: 64 as 128 }],
    ['txid', { bits: 128 as const, place: { txid: bytes(1, 31), vout: 0, index: 0 } }],
    ['vout', { bits: 128 as const, place: { txid: bytes(1), vout: -1, index: 0 } }],
    ['index', { bits: 128 as const, place: { txid: bytes(1), vout: 0, index: 2 ** 32 } }],
    ['index', { bits: 128 as const, place: { txid: bytes(1), vout: 0, index: 0.5 } }],
  ])('should name %s where that is what is wrong', async (field, job) => {
    const s = await freshRun(homeIn(tempFolder()))
    const failed = [s.service.wotsSignature(job, M), s.service.wotsSecretKey(job), s.service.wotsPublicKeys([job])]
    for (const result of await Promise.allSettled(failed))
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'BAD_REQUEST', data: { field } } })
    await s.stop()
  })
})
