import { describe, expect, it } from 'vitest'
import type { S2Config } from '../../../src/node/index.ts'
import { auditCheck, type S2View, s2Check, serviceKeysCheck, viewOfOperator } from '../../../src/node/operator-view.ts'
import { s2Routes } from '../../../src/node/s2-routes.ts'
import type { S2MemoryStatus } from '../../../src/signer/index.ts'

const PIN = 'ab'.repeat(32)
const CONFIG: S2Config = {
  ...{ seedFile: '/s', publicKey: PIN, unlock: { kind: 'identity', file: '/i' }, nonceMode: 'native' },
  ...{ referenceRetired: false, instanceFile: '/n', journalFile: undefined, importedNoncesFile: undefined },
}
const s2With = (status: S2MemoryStatus) =>
  ({ nonceMode: 'native', memory: { status: () => status } }) as unknown as Parameters<typeof viewOfOperator>[0]['s2']
const parts = (status?: S2MemoryStatus, failure: string | null = null) => ({
  s2: status && s2With(status),
  keys: { list: () => [], troubles: () => [] },
  audit: { view: () => ({ journal: undefined, failure }) },
  disk: { view: () => ({ freeBytes: null, lowFolder: null }) },
})
const LOST: S2MemoryStatus = {
  continuity: { standing: 'lost', why: 'other_instance', name: '0123456789abcdef' },
  generation: 2,
  journal: undefined,
}

describe('what belongs to the operator, in status and health', () => {
  it('should be nothing and green without a seed', () => {
    const { s2, audit } = viewOfOperator(parts(), undefined)
    expect(s2).toBeNull()
    expect([s2Check(s2).ok, auditCheck(audit).ok]).toEqual([true, true])
  })

  it('R32: should be red while the store proves nothing, and say what to do', () => {
    const { s2 } = viewOfOperator(parts(LOST), CONFIG)
    expect(s2).toMatchObject({
      continuity: 'lost',
      lostReason: 'other_instance',
      instance: '0123456789abcdef',
      generation: 2,
    })
    expect(s2Check(s2)).toMatchObject({ ok: false, reason: expect.stringMatching(/other_instance.*0123456789abcdef/) })
  })

  it('should be green while it does, with nothing to accept', () => {
    const { s2 } = viewOfOperator(parts({ ...LOST, continuity: { standing: 'proven' } }), CONFIG)
    expect(s2).toMatchObject({ publicKey: PIN, continuity: 'proven', lostReason: null, instance: null })
    expect(s2Check(s2).ok).toBe(true)
  })

  it('should be red where decisions can not be recorded', () => {
    const { audit } = viewOfOperator(parts(undefined, 'the disk is full'), undefined)
    expect(auditCheck(audit)).toMatchObject({ ok: false, reason: expect.stringContaining('the disk is full') })
  })

  it('should be red where a key can not be used, and name it', () => {
    const unusable = [{ name: 'consensus-1', version: 2, why: 'its file is missing' }]
    expect(serviceKeysCheck({ held: 1, unusable })).toMatchObject({
      ok: false,
      reason: expect.stringContaining('consensus-1 (version 2)'),
    })
    expect(serviceKeysCheck({ held: 1, unusable: [] }).ok).toBe(true)
  })
})

describe('the routes of s2', () => {
  const post = (path: string, body: unknown, s2: Parameters<typeof s2Routes>[0]['s2']) => {
    const route = s2Routes({ s2, view: (): S2View | null => null }).find((r) => r.path === path)
    if (route === undefined) throw new Error('no such route')
    const bytes = new TextEncoder().encode(JSON.stringify(body))
    return Promise.resolve().then(() => route.handler({ body: bytes, headers: {}, path, method: 'POST' } as never))
  }
  const memory = { accept: async () => {}, importJournal: async () => ({}), exportJournal: async () => 7 }
  const s2 = { nonceMode: 'native', memory } as unknown as Parameters<typeof s2Routes>[0]['s2']

  it('R40: should all be mutating but the one that shows', () => {
    const routes = s2Routes({ s2: undefined, view: () => null })
    expect(routes.filter((r) => !r.mutating).map((r) => `${r.method} ${r.path}`)).toEqual(['GET /s2'])
  })

  it.each([
    ['/s2/accept', {}],
    ['/s2/accept', { instance: '0123' }],
    ['/s2/accept', { instance: 7 }],
    ['/s2/journal/import', {}],
    ['/s2/journal/import', { path: 'relative' }],
    ['/s2/journal/export', { path: '/a\0b' }],
  ])('should refuse %s %j', async (path, body) => {
    await expect(post(path, body, s2)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  })

  it.each(['/s2/retire', '/s2/accept', '/s2/journal/import', '/s2/journal/export'])(
    'should say that there is no seed: %s',
    async (path) => {
      const body = { instance: '0123456789abcdef', path: '/j' }
      await expect(post(path, body, undefined)).rejects.toMatchObject({ code: 'NO_SEED' })
    },
  )

  it('should pass on what is well-formed', async () => {
    await expect(post('/s2/accept', { instance: '0123456789abcdef' }, s2)).resolves.toMatchObject({ status: 200 })
    await expect(post('/s2/journal/export', { path: '/j' }, s2)).resolves.toMatchObject({ status: 200 })
    await expect(post('/s2/journal/import', { path: import.meta.filename }, s2)).resolves.toMatchObject({ status: 200 })
  })

  it('should say in words that there is no journal to import, before the service is asked', async () => {
    const error = await post('/s2/journal/import', { path: '/nope' }, s2).catch((e: Error) => e)
    expect(error).toMatchObject({ code: 'FILE_MISSING', message: expect.stringContaining('there is no file /nope') })
    expect(String(error)).not.toContain('ENOENT')
  })

  it.each([
    ['a file', import.meta.filename],
    ['a folder', import.meta.dirname],
  ])('should not export onto %s that is there, and leave it as it is', async (_, path) => {
    await expect(post('/s2/journal/export', { path }, s2)).rejects.toMatchObject({ code: 'FILE_EXISTS' })
  })

  it('should leave to the service what a look does not tell', async () => {
    const path = `${import.meta.filename}/below-a-file`
    await expect(post('/s2/journal/import', { path }, s2)).resolves.toMatchObject({ status: 200 })
    await expect(post('/s2/journal/export', { path }, s2)).resolves.toMatchObject({ status: 200 })
  })
})
