import { describe, expect, it, vi } from 'vitest'
import {
  type MusigContext,
  type MusigForm,
  makeNonce,
  OneShotNonce,
  openMusig,
  openMusigKeys,
  openMusigSession,
  openS2Keys,
  type SignRequest,
} from '../../../../src/crypto/index.ts'
import { S2Error } from '../../../../src/signer/s2/errors.ts'
import { SigningTurns } from '../../../../src/signer/s2/signing-turns.ts'
import { aggNonceOf, messageOf, paramsOf, SEED } from './service-fixtures.ts'

const keys = openMusigKeys(openS2Keys(SEED))
const contextOf = (signers: number): MusigContext => openMusig(paramsOf(signers), keys.xOnly)
const context = contextOf(3)

const nonceOf = (n: number, of = context): OneShotNonce => {
  const form: MusigForm = { kind: 'sighash', sighash: messageOf(n) }
  return makeNonce(of, keys, { mode: 'reference', form })
}
const requestOf = (n: number, of = context): SignRequest => ({
  nonce: nonceOf(n, of),
  session: openMusigSession(of, aggNonceOf(0), messageOf(n)),
})
const requests = (count: number, from = 0, of = context) =>
  Array.from({ length: count }, (_, i) => () => requestOf(from + i, of))
const alone = (n: number, of = context) => ({
  ok: true,
  value: nonceOf(n, of).sign(aggNonceOf(0), messageOf(n)),
})

describe('signing in turns', () => {
  it('should give each call its own signatures, in order', async () => {
    const turns = new SigningTurns()
    const calls = [3, 1, 40].map((count, call) => turns.sign(requests(count, 100 * call), undefined))
    const signed = await Promise.all(calls)
    expect(signed.map((call) => call.length)).toEqual([3, 1, 40])
    for (const [call, from] of [0, 100, 200].entries())
      expect(signed[call]).toEqual(Array.from({ length: signed[call]?.length ?? 0 }, (_, i) => alone(from + i)))
  })

  it('should sign nothing for nobody', async () => {
    expect(await new SigningTurns().sign([], undefined)).toEqual([])
  })

  it('should verify together what comes singly in one turn', async () => {
    const signAll = vi.spyOn(OneShotNonce, 'signAll')
    const turns = new SigningTurns()
    await Promise.all(Array.from({ length: 8 }, (_, i) => turns.sign(requests(1, i), undefined)))
    expect(signAll.mock.calls.map(([all]) => all.length)).toEqual([8])
    signAll.mockRestore()
  })

  it('should verify together only what is of one context', async () => {
    const signAll = vi.spyOn(OneShotNonce, 'signAll')
    const turns = new SigningTurns()
    const other = contextOf(4)
    const signed = await Promise.all([turns.sign(requests(2), undefined), turns.sign(requests(2, 0, other), undefined)])
    expect(signed).toEqual([
      [alone(0), alone(1)],
      [alone(0, other), alone(1, other)],
    ])
    expect(signAll.mock.calls.map(([all]) => new Set(all.map((r) => r.session.context)).size)).toEqual([1, 1])
    signAll.mockRestore()
  })

  it('should let a small call pass a large one', async () => {
    const turns = new SigningTurns()
    const order: string[] = []
    const large = turns.sign(requests(200), undefined).then(() => order.push('large'))
    const small = turns.sign(requests(1, 500), undefined).then(() => order.push('small'))
    await Promise.all([large, small])
    expect(order).toEqual(['small', 'large'])
  })

  it('should give up a call that nobody waits for any more, and spend no nonce of it', async () => {
    const turns = new SigningTurns()
    const gone = new AbortController()
    const made: OneShotNonce[] = []
    const watched = requests(3).map((make) => () => {
      const request = make()
      made.push(request.nonce)
      return request
    })
    const call = turns.sign(watched, gone.signal)
    const other = turns.sign(requests(1, 10), undefined)
    gone.abort()
    await expect(call).rejects.toThrow(S2Error)
    expect(made).toEqual([])
    expect(await other).toEqual([alone(10)])
  })

  it('should fail a call whose nonce can not be made, erase those it made, and go on with the others', async () => {
    const turns = new SigningTurns()
    const first = requestOf(1)
    const bad = turns.sign(
      [
        () => first,
        () => {
          throw new TypeError('the keys are closed')
        },
      ],
      undefined,
    )
    const good = turns.sign(requests(2, 20), undefined)
    await expect(bad).rejects.toThrow('the keys are closed')
    expect(first.nonce.spent).toBe(true)
    expect(await good).toEqual([alone(20), alone(21)])
  })

  it('should fail all that it was signing for when signing itself fails, erase their nonces, and go on with later calls', async () => {
    const turns = new SigningTurns()
    const made = [requestOf(1), requestOf(2)]
    vi.spyOn(OneShotNonce, 'signAll').mockImplementationOnce(() => {
      throw new Error('out of memory')
    })
    const calls = made.map((request) => turns.sign([() => request], undefined))
    expect((await Promise.allSettled(calls)).map((c) => c.status)).toEqual(['rejected', 'rejected'])
    expect(made.map(({ nonce }) => nonce.spent)).toEqual([true, true])
    expect(await turns.sign(requests(1, 30), undefined)).toEqual([alone(30)])
  })
})
