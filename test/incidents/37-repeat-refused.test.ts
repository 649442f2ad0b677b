import { describe, expect, it } from 'vitest'
import { noMetrics, type PeerIdStr, type PublicKey, silentLogger } from '../../src/base/index.ts'
import { curve } from '../../src/curve/index.ts'
import { createPolicy, requestBindings, type SignResult, thresholdService } from '../../src/signer/index.ts'
import { openStore, type Store } from '../../src/store/index.ts'
import { FakeClock, groupOf, itemOf, policyInit } from '../unit/signer/fixtures.ts'
import { tempFolders } from '../unit/store/temp-folder.ts'

const tempFolder = tempFolders()
const BRIDGE = 'bridge' as PeerIdStr
const ITEMS = [itemOf(1), itemOf(2), itemOf(3)]
const group = groupOf()
const share = group.share(group.members[0] as PublicKey)
const { groupKey } = share.key.public

/** A signer over a real store, as it is after a start. `rounds` counts, and makes other signatures each time (R28). */
function signerOver(store: Store, rounds: { count: number; fail?: boolean }) {
  const clock = new FakeClock()
  const bindings = requestBindings({ space: store.space('bindings'), logger: silentLogger, onFatal: () => {} })
  const service = thresholdService({
    activeKey: () => ({ setHash: '33'.repeat(32) as never, groupKey }),
    isSigner: () => true,
    shares: { byGroupKey: () => share },
    policy: createPolicy({ ...policyInit, bindings, clock }),
    bindings,
    rounds: {
      sign: async ({ items }): Promise<SignResult> => {
        rounds.count++
        if (rounds.fail) return { ok: false, code: 'TIMEOUT', message: '', missing: [], cheaters: [] }
        return { ok: true, signatures: items.map((i) => curve.schnorrSign(i.digest, group.secret)) }
      },
    },
    clock,
    logger: silentLogger,
    metrics: noMetrics,
  })
  return (items = ITEMS) => service.sign(BRIDGE, 'aa', items, clock.now() + 5_000)
}

async function withStore(work: (restart: () => Promise<Store>) => Promise<void>) {
  const store = openStore({ dir: tempFolder(), logger: silentLogger })
  await store.start()
  try {
    await work(async () => {
      await store.stop()
      await store.start()
      return store
    })
  } finally {
    await store.stop()
  }
}

describe('incident 37: an identical repeat is refused, so that callers can not retry', () => {
  it('should answer it with the very same signatures, also after a restart, and without another round', () =>
    withStore(async (restart) => {
      const rounds = { count: 0 }
      const ask = signerOver(await restart(), rounds)
      const first = await ask()
      expect(first).toMatchObject({ ok: true, signatures: { length: 3 } })
      expect(await ask()).toEqual(first)
      expect(await signerOver(await restart(), rounds)()).toEqual(first)
      expect(rounds.count).toBe(1)
    }))

  it('should take it up where the first one ran out of time, also after a restart', () =>
    withStore(async (restart) => {
      const rounds = { count: 0, fail: true }
      expect(await signerOver(await restart(), rounds)()).toMatchObject({ code: 'TIMEOUT' })
      expect(await signerOver(await restart(), { count: 0 })()).toMatchObject({ ok: true })
    }))

  it('should tell a repeat that is not identical so: fewer, more, others, another order', () =>
    withStore(async (restart) => {
      const ask = signerOver(await restart(), { count: 0 })
      await ask()
      for (const items of [ITEMS.slice(0, 2), [...ITEMS, itemOf(4)], [itemOf(4)], ITEMS.toReversed()])
        expect(await ask(items)).toMatchObject({ code: 'EQUIVOCATION' })
    }))
})
