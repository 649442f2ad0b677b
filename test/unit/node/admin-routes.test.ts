import { beforeEach, describe, expect, it } from 'vitest'
import { asPendingId, asSetHash, CodedError, fromUtf8, type HttpAnswer, utf8 } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { refusedInMove, reloadRoute, rotationRoutes } from '../../../src/node/admin-routes.ts'
import type { ReloadReport } from '../../../src/node/reload/index.ts'
import type { ApproveOptions, RotationReconciler, SetProposal } from '../../../src/rotation/index.ts'
import type { PendingSpec } from '../../../src/rounds/index.ts'

const KEYS = [1, 2].map(() => KeyPair.generate().publicKey).toSorted()
const ID = asPendingId('ab'.repeat(32))
const OTHER_ID = asPendingId('cd'.repeat(32))

/** Gives every proposal one id, and remembers what was approved. */
class FakeReconciler implements Pick<RotationReconciler, 'status' | 'preview' | 'approve'> {
  readonly approved: SetProposal[] = []
  readonly replaces: boolean[] = []
  readonly expected: (string | undefined)[] = []
  refusal: CodedError | undefined
  status() {
    return undefined
  }
  preview(proposal: SetProposal): PendingSpec {
    if (this.refusal !== undefined) throw this.refusal
    return {
      ...proposal,
      id: ID,
      parentSetHash: asSetHash('11'.repeat(32)),
      currentKeys: proposal.keys,
      currentThreshold: 2,
      principal: 'SN000000000000000000002Q6VF78',
    }
  }
  async approve(proposal: SetProposal, options?: ApproveOptions): Promise<PendingSpec> {
    if (this.refusal !== undefined) throw this.refusal
    this.approved.push(proposal)
    this.expected.push(options?.expectedId)
    this.replaces.push(options?.replace ?? false)
    return this.preview(proposal)
  }
}

let reconciler: FakeReconciler
beforeEach(() => {
  reconciler = new FakeReconciler()
})
const routes = () => {
  const face: Pick<RotationReconciler, 'status' | 'preview' | 'approve'> = reconciler
  return rotationRoutes(() => face as RotationReconciler)
}
const route = (path: string) => {
  const found = routes().find((r) => r.path === path)
  if (found === undefined) throw new Error(`no route ${path}`)
  return found
}
const send = async (path: string, body: string): Promise<HttpAnswer> =>
  await route(path).handler({ method: 'POST', path, query: new URLSearchParams(), headers: {}, body: utf8(body) })
const approve = (body: unknown) => send('/rotation/approve', typeof body === 'string' ? body : JSON.stringify(body))
const jsonOf = ({ body }: HttpAnswer): unknown => JSON.parse(typeof body === 'string' ? body : fromUtf8(body))
const good = { keys: KEYS, threshold: 2, attempt: 3 }

describe('POST /reload', () => {
  const REPORT: ReloadReport = {
    result: 'applied',
    trigger: 'admin',
    atMs: 7,
    file: '/etc/signer.toml',
    changes: [{ key: 'p2p.deny', added: ['16Uiu2HA'], removed: [] }],
    refusals: [],
    appliedBefore: null,
  }
  const ask = (report: ReloadReport) =>
    reloadRoute({ reload: async () => report }).handler({
      ...{ method: 'POST', path: '/reload', headers: {}, body: utf8('{}') },
      query: new URLSearchParams(),
    })

  it('R40: should be marked as mutating', () => {
    expect(reloadRoute({ reload: async () => REPORT })).toMatchObject({ method: 'POST', mutating: true })
  })

  it('should answer the report', async () => {
    const answer = await ask(REPORT)
    expect([answer.status, jsonOf(answer)]).toEqual([200, { reload: REPORT }])
  })

  it('incident 42: should answer a refusal as an error that names the keys, with the report', async () => {
    const refusals = [{ key: 'log.level', reason: 'differs from what runs' }]
    const report: ReloadReport = { ...REPORT, result: 'needs_restart', changes: [], refusals }
    const answer = await ask(report)
    expect(answer.status).toBe(409)
    expect(jsonOf(answer)).toEqual({
      error: { code: 'RELOAD_REFUSED', message: expect.stringMatching(/nothing was reloaded.*log\.level differs/) },
      reload: report,
    })
  })
})

describe('POST /rotation/approve', () => {
  it('R40: should be marked as mutating, and reading as not', () => {
    expect(routes().map((r) => [r.method, r.path, r.mutating])).toEqual(
      expect.arrayContaining([
        ['GET', '/rotation', false],
        ['POST', '/rotation/approve', true],
      ]),
    )
    for (const r of routes()) expect(r.mutating, r.path).toBe(r.method === 'POST')
  })

  it('should approve exactly what was given', async () => {
    const answer = await approve({ ...good, pending_id: ID })
    expect(reconciler.approved).toEqual([good])
    expect(reconciler.replaces).toEqual([false])
    expect(jsonOf(answer)).toMatchObject({ pendingId: ID, keys: KEYS, threshold: 2, attempt: 3, approved: true })
  })

  it('should mean the first attempt when none is given', async () => {
    await approve({ keys: KEYS, threshold: 2 })
    expect(reconciler.approved).toEqual([{ keys: KEYS, threshold: 2, attempt: 1 }])
  })

  it('should only show what it would mean on a dry run', async () => {
    const answer = await approve({ ...good, dry_run: true })
    expect(reconciler.approved).toEqual([])
    expect(jsonOf(answer)).toMatchObject({ pendingId: ID, approved: false })
  })

  it.each([
    [true, true],
    ['true', false],
    [1, false],
  ])('should withdraw an earlier approval only when told so in so many words: %j', async (replace, withdrawn) => {
    await approve({ ...good, replace })
    expect(reconciler.replaces).toEqual([withdrawn])
  })

  it('R7: should let the reconciler compare the pending id that the operator was shown', async () => {
    await approve({ ...good, pending_id: OTHER_ID })
    await approve(good)
    expect(reconciler.expected).toEqual([OTHER_ID, undefined])
  })

  it("should pass the reconciler's refusal on, and approve nothing", async () => {
    reconciler.refusal = new CodedError('NOT_CONCERNED', 'not concerned')
    await expect(approve(good)).rejects.toMatchObject({ code: 'NOT_CONCERNED' })
    expect(reconciler.approved).toEqual([])
  })

  it.each<[string, unknown]>([
    ['a body that is not JSON', '{"keys":'],
    ['an empty body', ''],
    ['a body that is a list', [good]],
    ['a body that is null', 'null'],
    ['no keys', { threshold: 2 }],
    ['keys that are no list', { ...good, keys: KEYS[0] }],
    ['keys that are not strings', { ...good, keys: [1, 2] }],
    ['a key that is no point', { ...good, keys: [KEYS[0], `02${'ff'.repeat(32)}`] }],
    ['a key in upper case', { ...good, keys: KEYS.map((k) => k.toUpperCase()) }],
    ['no threshold', { keys: KEYS }],
    ['a threshold in text', { ...good, threshold: '2' }],
    ['a threshold that is a fraction', { ...good, threshold: 1.5 }],
    ['a negative attempt', { ...good, attempt: -1 }],
    ['an attempt in text', { ...good, attempt: '1' }],
    ['an attempt that is a fraction', { ...good, attempt: 0.5 }],
  ])('should refuse %s', async (_what, body) => {
    await expect(approve(body)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    expect(reconciler.approved).toEqual([])
  })
})

describe('GET /rotation', () => {
  it('should answer null while there is none', async () => {
    expect(jsonOf(await send('/rotation', ''))).toEqual({ rotation: null })
  })
})

describe('refusedInMove', () => {
  const identity = { isMoving: true }
  const ask = async (method: 'GET' | 'POST', path: string): Promise<HttpAnswer> => {
    const found = refusedInMove(routes(), identity).find((r) => r.path === path && r.method === method)
    if (found === undefined) throw new Error(`no route ${path}`)
    return await found.handler({
      ...{ method, path, query: new URLSearchParams(), headers: {} },
      body: utf8(JSON.stringify(good)),
    })
  }
  it('R7: should change nothing while the node moves to the other key, and say so', async () => {
    identity.isMoving = true
    const answer = await ask('POST', '/rotation/approve')
    expect(answer.status).toBe(503)
    expect(jsonOf(answer)).toMatchObject({ error: { code: 'IDENTITY_MOVING' } })
    expect(reconciler.approved).toEqual([])
    expect((await ask('GET', '/rotation')).status).toBe(200)
  })
  it('R7: should serve again when the node has moved', async () => {
    identity.isMoving = false
    expect((await ask('POST', '/rotation/approve')).status).toBe(200)
    expect(reconciler.approved).toHaveLength(1)
  })
})
