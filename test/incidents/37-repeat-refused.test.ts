import { describe, expect, it } from 'vitest'
import { fromHex, noMetrics, type PeerIdStr, type PublicKey, silentLogger, toHex } from '../../src/base/index.ts'
import { curve, KeyPair } from '../../src/curve/index.ts'
import type { JsonObject } from '../../src/rpc/client/index.ts'
import { createPolicy, requestBindings, type SignResult, thresholdService } from '../../src/signer/index.ts'
import { openStore, type Store } from '../../src/store/index.ts'
import { s2Node } from '../integration/s2-node.ts'
import { FakeClock, groupOf, itemOf, policyInit } from '../unit/signer/fixtures.ts'
import { aggNonceOf, homeIn, messageOf, OWN_KEY, others } from '../unit/signer/s2/service-fixtures.ts'
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

describe('incident 37: repeats of what a secret service was asked', () => {
  const place = { txid: toHex(messageOf(1)), vout: 1, index: 0 }
  const params = { ordered_pubkeys: [OWN_KEY, ...others(1)].map(toHex), tweak: { kind: 'key', merkle_root: null } }
  const [sighash, aggnonce] = [toHex(messageOf(2)), toHex(aggNonceOf(1))]
  const outpoint = { txid: toHex(messageOf(3)), vout: 1 }
  /** In this order: a partial signature is of a nonce that was shown. */
  const CALLS: readonly (readonly [string, object])[] = [
    ['musig2.get_pub_nonce', { ...params, sighash }],
    ['musig2.get_our_partial_sig', { ...params, sighash, aggnonce }],
    ['musig2.get_pub_nonce_for_outpoint', { ...params, ...outpoint }],
    ['musig2.get_our_partial_sig_for_outpoint', { ...params, ...outpoint, aggnonce, message: sighash }],
    ['musig2.get_pub_nonce_batch', { ...params, sighashes: [toHex(messageOf(4)), toHex(messageOf(5))] }],
    ['musig2.get_our_partial_sig_batch', { ...params, items: [{ sighash: toHex(messageOf(4)), aggnonce }] }],
    ['wots.get_128_public_key', place],
    ['wots.get_128_signature', { ...place, message: '01'.repeat(16) }],
    ['wots.get_256_secret_key', place],
    ['preimages.get_preimage', { prestake_txid: place.txid, prestake_vout: 0, stake_index: 7 }],
    ['p2p.sign', { scheme: 'ed25519', message: 'abcd' }],
  ]
  const bridges = [KeyPair.generate(), KeyPair.generate()] as const

  it.each(['native', 'reference'] as const)(
    'should be answered with the same bytes: at once, at the same time, to another client, after a restart: %s',
    async (mode) => {
      const home = homeIn(tempFolder())
      const before = await s2Node(home, bridges, { mode })
      const [client, other] = await Promise.all(bridges.map((key) => before.client(key)))
      if (client === undefined || other === undefined) throw new Error('two clients')
      const answers: JsonObject[] = []
      for (const [method, asked] of CALLS) {
        const all = await Promise.all([client, client, other].map((c) => c.call(method, asked)))
        expect(all).toEqual(Array(3).fill(all[0]))
        expect(JSON.stringify(all)).not.toContain('"code"')
        answers.push(all[0] ?? {})
      }
      await before.stop()
      await using after = await s2Node(home, bridges, { mode })
      const again = await after.client(bridges[0])
      for (const [i, [method, asked]] of CALLS.entries()) expect(await again.call(method, asked)).toEqual(answers[i])
    },
  )

  it('should be answered with a signature that verifies where signatures are hedged', async () => {
    await using node = await s2Node(homeIn(tempFolder()), bridges)
    const client = await node.client(bridges[0])
    const { public_key: key } = await client.call('schnorr.public_key', { target: 'general' })
    for (let i = 0; i < 3; i++) {
      const { signature } = await client.call('schnorr.sign_no_tweak', { target: 'general', digest: sighash })
      expect(curve.schnorrVerify(fromHex(String(signature)), fromHex(sighash), fromHex(String(key)))).toBe(true)
    }
  })
})
