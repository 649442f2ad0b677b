import { beforeEach, describe, expect, it } from 'vitest'
import { CodedError, fromUtf8, type HttpAnswer, type SetHash, utf8 } from '../../../src/base/index.ts'
import type { Gate } from '../../../src/gating/index.ts'
import { recallRoutes } from '../../../src/node/recall-routes.ts'
import type { OwnKnownSet, OwnRecall } from '../../../src/rotation/index.ts'
import { signerSet } from '../../fixtures/sets.ts'
import { gateIn, MEMBER, OTHER, SELF } from './facts.ts'

const OLD = signerSet([SELF, OTHER, MEMBER], 2, '77'.repeat(32))
const RECALL: OwnRecall = { set: OLD, approvedAtMs: 1, expiresAtMs: 2 }

let gate: Gate
let standing: OwnRecall[]
let earlier: Pick<OwnKnownSet, 'earlierKey'>
let calls: string[]
let refusal: CodedError | undefined
beforeEach(() => {
  gate = gateIn.signer()
  standing = []
  earlier = {}
  calls = []
  refusal = undefined
})

const said = (what: string) => async (hash: string) => {
  if (refusal !== undefined) throw refusal
  calls.push(`${what} ${hash}`)
  return RECALL
}
const routes = () =>
  recallRoutes({
    gate,
    isHeld: (key) => key === OLD.groupKey,
    recalls: {
      list: () => standing,
      replaced: () => [{ set: OLD, seenAtMs: 0, ...earlier }],
      recall: said('recall'),
      withdraw: said('withdraw'),
    },
  })
const send = async (path: string, body: unknown = ''): Promise<HttpAnswer> => {
  const found = routes().find((r) => r.path === path)
  if (found === undefined) throw new Error(`no route ${path}`)
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return await found.handler({ method: 'POST', path, query: new URLSearchParams(), headers: {}, body: utf8(text) })
}
const jsonOf = ({ body }: HttpAnswer): unknown => JSON.parse(typeof body === 'string' ? body : fromUtf8(body))

const VIEW = {
  setHash: OLD.hash,
  groupKey: OLD.groupKey,
  threshold: 2,
  keys: OLD.keys,
  keyHeld: true,
  earlierKey: null,
}

describe('GET /rotation/recalled', () => {
  it('should list what is recalled and what could be', async () => {
    standing = [RECALL]
    gate.applyRecalled([OLD])
    expect(jsonOf(await send('/rotation/recalled'))).toEqual({
      recalled: [{ ...VIEW, approvedAtMs: 1, expiresAtMs: 2, admitted: true }],
      replaced: [VIEW],
    })
  })

  it('R5: should say that a recall admits nobody by a stale registry', async () => {
    standing = [RECALL]
    gate.applyRecalled([OLD])
    gate.applyTrust('frozen')
    expect(jsonOf(await send('/rotation/recalled'))).toMatchObject({ recalled: [{ admitted: false }] })
  })
})

describe('GET /rotation/recalled after a move to the next key', () => {
  it('R7: should name the earlier key that a share is sealed to', async () => {
    earlier = { earlierKey: OTHER.publicKey }
    standing = [{ ...RECALL, ...earlier }]
    expect(jsonOf(await send('/rotation/recalled'))).toMatchObject({
      recalled: [{ earlierKey: OTHER.publicKey, admitted: false }],
      replaced: [{ earlierKey: OTHER.publicKey }],
    })
  })
})

describe('POST /rotation/recall', () => {
  it('R40: should be marked as mutating, and reading as not', () => {
    expect(routes().map((r) => [r.method, r.path, r.mutating])).toEqual([
      ['GET', '/rotation/recalled', false],
      ['POST', '/rotation/recall', true],
    ])
  })

  it('should recall, and withdraw when told so', async () => {
    expect(jsonOf(await send('/rotation/recall', { set_hash: OLD.hash }))).toMatchObject({ ...VIEW, withdrawn: false })
    await send('/rotation/recall', { set_hash: OLD.hash, withdraw: false })
    expect(jsonOf(await send('/rotation/recall', { set_hash: OLD.hash, withdraw: true }))).toMatchObject({
      setHash: OLD.hash,
      withdrawn: true,
    })
    expect(calls).toEqual([`recall ${OLD.hash}`, `recall ${OLD.hash}`, `withdraw ${OLD.hash}`])
  })

  it.each<[string, unknown]>([
    ['no hash', {}],
    ['a hash that is no text', { set_hash: 7 }],
    ['a list of hashes', { set_hash: [OLD.hash satisfies SetHash] }],
    ['a withdrawal in text', { set_hash: OLD.hash, withdraw: 'true' }],
    ['a withdrawal as a number', { set_hash: OLD.hash, withdraw: 1 }],
    ['a withdrawal that is null', { set_hash: OLD.hash, withdraw: null }],
    ['a body that is not JSON', '{"set_hash":'],
    ['an empty body', ''],
  ])('should refuse %s, and neither recall nor withdraw', async (_what, body) => {
    await expect(send('/rotation/recall', body)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    expect(calls).toEqual([])
  })

  it('should pass a refusal on', async () => {
    refusal = new CodedError('SET_UNKNOWN', 'unknown')
    await expect(send('/rotation/recall', { set_hash: OLD.hash })).rejects.toMatchObject({ code: 'SET_UNKNOWN' })
  })
})
