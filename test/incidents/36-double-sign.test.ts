import { describe, expect, it } from 'vitest'
import { asGroupKey, type PeerIdStr, type PublicKey, silentLogger } from '../../src/base/index.ts'
import { createPolicy, type PolicyKind, requestBindings } from '../../src/signer/index.ts'
import { openStore, type Store } from '../../src/store/index.ts'
import { FakeClock, itemOf, memberKeys, policyInit } from '../unit/signer/fixtures.ts'
import { tempFolders } from '../unit/store/temp-folder.ts'

const tempFolder = tempFolders()
const groupKey = asGroupKey('11'.repeat(32))
const COORDINATORS = memberKeys(15)
const [FIRST, NEXT] = COORDINATORS as [PublicKey, PublicKey]
const BRIDGE = 'bridge' as PeerIdStr
const request = (fill: number) => ({ requestId: 'aa', groupKey, items: [itemOf(fill), itemOf(100 + fill)] })

/** A signer's word over a real store, as it is after a start. */
function signerOver(store: Store, kind: PolicyKind) {
  const bindings = requestBindings({ space: store.space('bindings'), logger: silentLogger, onFatal: () => {} })
  const chain = kind === 'auto' ? { chainId: 0x80000000, network: 'devnet' } : {}
  const policy = createPolicy({ ...policyInit, ...chain, kind, bindings, clock: new FakeClock() })
  const ask = (fill: number) =>
    policy.approve(request(fill), { client: BRIDGE, deadlineMs: 0, signal: new AbortController().signal })
  return { policy, ask }
}

async function withStore(work: (restart: () => Promise<Store>) => Promise<void>) {
  const store = openStore({ dir: tempFolder(), logger: silentLogger })
  await store.start()
  const restart = async () => {
    await store.stop()
    await store.start()
    return store
  }
  try {
    await work(restart)
  } finally {
    await store.stop()
  }
}

describe('incident 36: two leaders in a row get two signatures for one request', () => {
  it('should consent to one list of digests per request id, whoever coordinates, before and after a restart', () =>
    withStore(async (restart) => {
      const before = signerOver(await restart(), 'bridge')
      await before.ask(1)
      expect(await before.policy.consent(request(1), FIRST)).toBe('yes')
      expect(await before.policy.consent(request(2), NEXT)).toBe('refused')
      const after = signerOver(await restart(), 'bridge')
      expect(await after.policy.consent(request(2), NEXT)).toBe('refused')
      expect(await after.ask(2)).toEqual({ answer: 'equivocation' })
      expect(await after.policy.consent(request(1), NEXT)).toBe('yes')
    }))

  it('should consent to one of fifteen that ask at once, and to that one again after a restart', () =>
    withStore(async (restart) => {
      const { policy } = signerOver(await restart(), 'auto')
      const said = await Promise.all(COORDINATORS.map((c, i) => policy.consent(request(i), c)))
      expect(said.filter((s) => s === 'yes')).toHaveLength(1)
      expect(said.filter((s) => s === 'refused')).toHaveLength(14)
      const chosen = said.indexOf('yes')
      const after = signerOver(await restart(), 'auto')
      const again = await Promise.all(COORDINATORS.map((c, i) => after.policy.consent(request(i), c)))
      expect(again).toEqual(COORDINATORS.map((_, i) => (i === chosen ? 'yes' : 'refused')))
    }))

  it('should let no coordinator choose: what the own bridge asks later is not blocked', () =>
    withStore(async (restart) => {
      const { policy, ask } = signerOver(await restart(), 'bridge')
      const said = await Promise.all(COORDINATORS.map((c, i) => policy.consent(request(i), c)))
      expect(new Set(said)).toEqual(new Set(['not_asked_yet']))
      expect(await ask(5)).toMatchObject({ answer: 'yes' })
      expect(await policy.consent(request(5), FIRST)).toBe('yes')
      expect(await policy.consent(request(6), FIRST)).toBe('refused')
    }))
})
