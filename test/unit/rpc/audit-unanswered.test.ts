import { describe, expect, it } from 'vitest'
import { encodeCancel, type Handlers, RpcError } from '../../../src/rpc/index.ts'
import type { AuditEntry } from '../../../src/signer/index.ts'
import { settle } from './harness.ts'
import { errorAnswer, resultAnswer, serve, signFrame } from './server-harness.ts'

/** A service whose acts end when the test says so, whoever waits. */
async function slowService() {
  const entries: AuditEntry[] = []
  const acts: PromiseWithResolvers<{ signature: Uint8Array }>[] = []
  const sign: Handlers['threshold.sign'] = () => {
    const act = Promise.withResolvers<{ signature: Uint8Array }>()
    acts.push(act)
    return act.promise
  }
  const append = async (entry: AuditEntry): Promise<void> => {
    entries.push(entry)
  }
  return { ...(await serve({ 'threshold.sign': sign }, { audit: { append } })), entries, acts }
}
const SIGNATURE = { signature: new Uint8Array(64) }

describe('the audit log of what nobody waited for', () => {
  it.each(['cancelled', 'late', 'left', 'stopped'] as const)(
    'should say of a request that was %s what it was done',
    async (how) => {
      const { stream, entries, acts, clock, server } = await slowService()
      await stream.write(signFrame(1, 500))
      await settle()
      if (how === 'cancelled') await stream.write(encodeCancel(1))
      if (how === 'late') await clock.advance(500)
      if (how === 'left') stream.abort(new Error('gone'))
      if (how === 'stopped') void server.stop()
      await settle()
      expect(entries).toEqual([])
      acts[0]?.resolve(SIGNATURE)
      await settle()
      expect(entries).toMatchObject([{ method: 'threshold.sign', outcome: 'ok', answered: false }])
    },
  )

  it('should say by its code what came to nothing', async () => {
    const { stream, entries, acts } = await slowService()
    await stream.write(signFrame(1))
    await stream.write(encodeCancel(1))
    await errorAnswer(stream)
    acts[0]?.reject(new RpcError('EQUIVOCATION'))
    await settle()
    expect(entries).toMatchObject([{ outcome: 'EQUIVOCATION', answered: false }])
  })

  it('should hold no word about an answer that was given', async () => {
    const { stream, entries, acts } = await slowService()
    await stream.write(signFrame(1))
    await settle()
    acts[0]?.resolve(SIGNATURE)
    await resultAnswer(stream)
    expect(entries.map((e) => 'answered' in e)).toEqual([false])
  })

  it.each(['answered', 'cancelled'] as const)(
    'should give each of many failures that were begun and $0 a line of its own',
    async (how) => {
      const { stream, entries, acts } = await slowService()
      for (let id = 1; id <= 12; id++) {
        await stream.write(signFrame(id))
        if (how === 'cancelled') await stream.write(encodeCancel(id))
        await settle()
        acts[id - 1]?.reject(new RpcError('CANCELLED'))
        expect(await errorAnswer(stream)).toMatchObject({ id, code: 'CANCELLED' })
      }
      await settle()
      expect(entries.map((e) => e.outcome)).toEqual(Array(12).fill('CANCELLED'))
    },
  )
})
