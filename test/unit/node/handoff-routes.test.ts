import { beforeEach, describe, expect, it } from 'vitest'
import { asGroupKey, asPendingId, CodedError, fromUtf8, type HttpAnswer, utf8 } from '../../../src/base/index.ts'
import { handoffRoutes } from '../../../src/node/handoff-routes.ts'
import type { HandoffRecord, RotationReconciler } from '../../../src/rotation/index.ts'
import { SPEC } from './facts.ts'

type Face = Parameters<typeof handoffRoutes>[0] extends () => infer F ? F : never

const DIGEST = 'ab'.repeat(32)
const RECORD: HandoffRecord = {
  pendingId: asPendingId('cd'.repeat(32)),
  groupKey: asGroupKey('ef'.repeat(32)),
  revision: 7,
  hold: true,
  items: [
    { digest: DIGEST, merkleRoot: 'none' },
    { digest: DIGEST, merkleRoot: 'empty' },
  ],
  signatures: new Map([[`${DIGEST}/none`, new Uint8Array(64).fill(9)]]),
  former: [{ item: { digest: '12'.repeat(32), merkleRoot: 'none' }, signature: new Uint8Array(64).fill(8) }],
}

let calls: unknown[]
let refusal: CodedError | undefined
beforeEach(() => {
  calls = []
  refusal = undefined
})
const face = (): Face => ({
  status: () => undefined,
  handoffs: async () => [RECORD],
  handOver: async (...args: Parameters<RotationReconciler['handOver']>) => {
    if (refusal !== undefined) throw refusal
    calls.push(args)
    return SPEC
  },
})
const ask = async (method: 'GET' | 'POST', body: unknown = ''): Promise<HttpAnswer> => {
  const found = handoffRoutes(face).find((r) => r.method === method)
  if (found === undefined) throw new Error(`no route ${method}`)
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return await found.handler({ method, path: '', query: new URLSearchParams(), headers: {}, body: utf8(text) })
}
const jsonOf = ({ body }: HttpAnswer): unknown => JSON.parse(typeof body === 'string' ? body : fromUtf8(body))

describe('/rotation/handoff', () => {
  it('R40: should be marked as mutating, and reading as not', () => {
    expect(handoffRoutes(face).map((r) => [r.method, r.path, r.mutating])).toEqual([
      ['GET', '/rotation/handoff', false],
      ['POST', '/rotation/handoff', true],
    ])
  })

  it('should show own lists with what was signed of them', async () => {
    expect(jsonOf(await ask('GET'))).toEqual({
      rotation: null,
      lists: [
        {
          ...{ pendingId: RECORD.pendingId, groupKey: RECORD.groupKey, listedAtMs: 7, hold: true },
          items: [
            { digest: DIGEST, merkleRoot: 'none', signature: '09'.repeat(64) },
            { digest: DIGEST, merkleRoot: 'empty', signature: null },
          ],
          former: [{ digest: '12'.repeat(32), merkleRoot: 'none', signature: '08'.repeat(64) }],
        },
      ],
    })
  })

  it('R29: should list exactly what was given', async () => {
    const items = [{ digest: DIGEST }, { digest: DIGEST, merkle_root: 'empty' }]
    const answer = await ask('POST', { items, hold: true, pending_id: SPEC.id })
    expect(calls).toEqual([[RECORD.items, { hold: true, expectedId: SPEC.id }]])
    expect(jsonOf(answer)).toEqual({ pendingId: SPEC.id, items: RECORD.items, hold: true, withdrawn: false })
  })

  it('should withdraw, and hold for what is to come', async () => {
    await ask('POST', { withdraw: true })
    await ask('POST', { hold: true })
    expect(calls).toEqual([
      [[], { hold: false, expectedId: undefined }],
      [[], { hold: true, expectedId: undefined }],
    ])
  })

  it.each([
    [{}],
    [{ items: [] }],
    [{ items: 'ab' }],
    [{ items: [DIGEST] }],
    [{ items: [{ digest: 7 }] }],
    [{ items: [{ digest: DIGEST, merkle_root: null }] }],
    [{ items: [{ digest: DIGEST }], hold: 'yes' }],
    [{ withdraw: 'yes' }],
    [{ withdraw: true, hold: true }],
    [{ withdraw: true, items: [{ digest: DIGEST }] }],
    [{ items: [{ digest: DIGEST }], pending_id: 7 }],
  ])('should change nothing by %j', async (body) => {
    await expect(ask('POST', body)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    expect(calls).toEqual([])
  })

  it('should pass refusals on', async () => {
    refusal = new CodedError('HANDOFF_COSIGNED', 'too late')
    await expect(ask('POST', { hold: true })).rejects.toBe(refusal)
  })
})
