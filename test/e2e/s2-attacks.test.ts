import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeOf, fromHex, silentLogger, toHex } from '../../src/base/index.ts'
import { openMusigKeys, openS2Keys } from '../../src/crypto/index.ts'
import { curve, KeyPair, randomBytes, xOnly } from '../../src/curve/index.ts'
import { type EmbeddedChain, startChain } from '../../src/devnet/chain/index.ts'
import { type Client, connect, type JsonObject } from '../../src/rpc/client/index.ts'
import { musigOverRpc, naiveHandlers } from '../fixtures/musig-over-rpc.ts'
import { otherAggNonces } from '../fixtures/musig2-recover.ts'
import { attackByMessages, attackByOutpoint, attackBySighash, type MusigClient } from '../fixtures/s2-attacks.ts'
import { rpcNode } from '../integration/rpc-hosts.ts'
import { temporaryFolder } from './countersign.ts'
import { SeedNode } from './seed-node.ts'

const folder = temporaryFolder()
const SEED = fromHex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f')
const KEYS = openMusigKeys(openS2Keys(SEED))
const OWN_KEY = KEYS.xOnly
const MODES = ['native', 'reference'] as const
const ATTACKS = [
  ['one sighash under three aggregate nonces', attackBySighash],
  ['one outpoint under three aggregate nonces and messages', attackByOutpoint],
  ['one outpoint and one aggregate nonce under three messages', attackByMessages],
] as const
const REFUSED = { kind: 'refused', code: 'EQUIVOCATION', partials: 1 }
/** Of the client library, for an answer that never came. */
const NO_ANSWER = ['DEADLINE', 'UNREACHABLE', 'DISCONNECTED', 'NOT_ADMITTED']
/** Long for an answer; nobody waits longer for one that never comes. */
const PATIENCE_MS = 3_000

let chain: EmbeddedChain
beforeAll(async () => {
  chain = await startChain({
    deployerAddress: 'SN3R84XZYA63QS28932XQF3G1J8R9PC3W76P9CSQS',
    blockIntervalMs: 1_000,
    logger: silentLogger,
  })
})
afterAll(async () => {
  await chain?.stop()
  folder.remove()
})

const hex = (length = 32): string => toHex(randomBytes(length))
const two = () => [OWN_KEY, xOnly(curve.publicKeyOf(curve.randomScalar()))].map(toHex)
const PAIR = { ordered_pubkeys: two(), tweak: { kind: 'key', merkle_root: null } }

/** A sighash whose nonce was shown, and what to ask with for different signatures of it. */
async function shown(client: Client, sighash = hex()) {
  const { pub_nonce } = await client.call('musig2.get_pub_nonce', { ...PAIR, sighash })
  const asked = otherAggNonces(fromHex(String(pub_nonce)), 2).map((n) => ({ ...PAIR, sighash, aggnonce: toHex(n) }))
  const [first, second] = asked
  if (first === undefined || second === undefined) throw new Error('two were made')
  return { first, second }
}
const sign = (client: Client, params: object, timeoutMs?: number): Promise<JsonObject> =>
  client.call('musig2.get_our_partial_sig', params, timeoutMs === undefined ? {} : { timeoutMs })
const outcomeOf = (call: Promise<JsonObject>): Promise<string | undefined> =>
  call.then(
    () => 'answered',
    (error: unknown) => codeOf(error),
  )

describe.each(ATTACKS)('incident 17: %s, through the wire', (_, attack) => {
  it('should give away the key of a server that remembers nothing', async () => {
    const bridge = KeyPair.generate()
    await using node = await rpcNode([bridge.peerId], naiveHandlers(KEYS))
    const client = await connect({ addresses: node.addresses, key: bridge })
    const result = await attack(musigOverRpc(() => client, OWN_KEY))
    await client.close()
    expect(result.kind).toBe('recovered')
    if (result.kind === 'recovered') expect(xOnly(curve.publicKeyOf(result.secret))).toEqual(OWN_KEY)
  })
})

describe.each(MODES)('a node process, asked for the same one-time secret twice: %s', (nonceMode) => {
  let node: SeedNode
  let client: Client
  let other: Client
  let target: MusigClient
  beforeAll(async () => {
    node = await SeedNode.make({ dir: join(folder.dir, nonceMode), chain, seed: SEED, nonceMode })
    await node.start('hook')
    ;[client, other] = await Promise.all([node.client(0), node.client(1)])
    target = musigOverRpc(() => client, OWN_KEY)
  })
  afterAll(async () => {
    await node?.close()
  })
  const died = async () => {
    await node.process?.finished
    expect(node.process?.child.signalCode).toBe('SIGKILL')
    await node.start('hook')
  }

  it.each(ATTACKS)('R30: should get one signature, and EQUIVOCATION: %s', async (_, attack) => {
    expect(await attack(target)).toEqual(REFUSED)
  })

  it.each([
    ['stopped', attackBySighash, () => node.stop()],
    ['killed', attackByOutpoint, () => node.kill()],
  ] as const)(
    'R30: should get no more of a node that was %s and started again before each call',
    async (_, attack, end) => {
      const restart = async () => {
        await end()
        await node.start('hook')
      }
      expect(await attack(target, restart)).toEqual(REFUSED)
    },
  )

  it.each(ATTACKS.slice(0, 2))(
    'R30: should get no more of a node that dies between write and answer: %s',
    async (_, attack) => {
      let calls = 0
      const impatient = { call: (method: string, p: unknown) => client.call(method, p, { timeoutMs: PATIENCE_MS }) }
      const dying = musigOverRpc(() => impatient, OWN_KEY)
      const result = await attack({
        ...target,
        partial: async (...asked) => {
          if (calls++ > 0) return await target.partial(...asked)
          node.order('kill after sync')
          const lost = await dying.partial(...asked).catch(codeOf)
          expect(NO_ANSWER).toContain(lost)
          expect(node.trace()).toEqual(['binding begins, sync true, kill after sync', 'binding synced'])
          await died()
          // The same again is answered, so an honest caller loses nothing.
          return await target.partial(...asked)
        },
      })
      expect(result).toEqual(REFUSED)
    },
  )

  it('R30: should have answered nothing when it dies before the write', async () => {
    const { first, second } = await shown(client)
    node.order('kill before sync')
    expect(NO_ANSWER).toContain(await outcomeOf(sign(client, first, PATIENCE_MS)))
    await died()
    // Nobody has seen a signature, so this may be the one.
    expect(await outcomeOf(sign(client, second))).toBe('answered')
    expect(await outcomeOf(sign(client, first))).toBe('EQUIVOCATION')
  })

  if (nonceMode === 'reference') return

  it('R30: should answer nobody while the write is not on disk', async () => {
    const { first, second } = await shown(client)
    node.order('hold')
    let settled = 0
    const asked = [sign(client, first), sign(other, second), sign(client, first)].map((call) =>
      outcomeOf(call).finally(() => settled++),
    )
    await expect.poll(() => node.trace(), { timeout: 20_000 }).toHaveLength(1)
    // What needs no disk goes on, on the same streams.
    for (let i = 0; i < 10; i++) await Promise.all([client.hello(), other.hello()])
    expect([settled, node.trace()]).toEqual([0, ['binding begins, sync true, hold']])
    node.release()
    const [a, b, c] = await Promise.all(asked)
    expect([a, b].toSorted()).toEqual(['EQUIVOCATION', 'answered'])
    expect(c).toBe(a)
  })

  it('R30: should send what one sync has written after that sync, and write all of a batch in one', async () => {
    const items = await Promise.all(
      Array.from({ length: 64 }, async () => {
        const { first } = await shown(client)
        return { sighash: first.sighash, aggnonce: first.aggnonce }
      }),
    )
    node.order('hold')
    node.release()
    const answer = await client.call('musig2.get_our_partial_sig_batch', { ...PAIR, items })
    expect(answer.items).toHaveLength(64)
    expect(node.trace().slice(0, 2)).toEqual(['binding begins, sync true, hold', 'binding synced'])
    expect(node.trace().slice(2)).toEqual([expect.stringMatching(/^sent \d{4,}$/)])
  })

  it('R30: should let exactly one of two win that ask in the same tick', async () => {
    for (let i = 0; i < 16; i++) {
      const { first, second } = await shown(client)
      const outcomes = await Promise.all([outcomeOf(sign(client, first)), outcomeOf(sign(other, second))])
      expect(outcomes.toSorted()).toEqual(['EQUIVOCATION', 'answered'])
      // Two of one client, in one packet.
      const both = await shown(other)
      const again = await Promise.all([outcomeOf(sign(other, both.first)), outcomeOf(sign(other, both.second))])
      expect(again.toSorted()).toEqual(['EQUIVOCATION', 'answered'])
    }
  })

  it('R30: should stop itself when the write fails, having answered nothing', async () => {
    const { first, second } = await shown(client)
    node.order('fail')
    expect(await outcomeOf(sign(client, first, PATIENCE_MS))).not.toBe('answered')
    const ended = await node.process?.finished
    expect(ended?.code).toBe(1)
    expect(ended?.stdout).toContain('look at its disk')
    await node.start('hook')
    expect(await outcomeOf(sign(client, second))).toBe('answered')
  })

  it.each([
    ['get_128_signature', 'get_128_signature'],
    ['get_128_signature', 'get_128_secret_key'],
    ['get_256_secret_key', 'get_256_signature'],
  ])(
    'R34: should keep a one-time key to its first purpose when it dies between write and answer: %s, then %s',
    async (first, second) => {
      const bytes = first.includes('128') ? 16 : 32
      const place = { txid: hex(), vout: 1, index: 0 }
      const paramsOf = (method: string, message: string) =>
        method.endsWith('signature') ? { ...place, message } : { ...place }
      const once = paramsOf(first, '01'.repeat(bytes))
      node.order('kill after sync')
      expect(NO_ANSWER).toContain(await outcomeOf(client.call(`wots.${first}`, once, { timeoutMs: PATIENCE_MS })))
      await died()
      expect(await outcomeOf(client.call(`wots.${second}`, paramsOf(second, '02'.repeat(bytes))))).toBe('EQUIVOCATION')
      expect(await outcomeOf(client.call(`wots.${first}`, once))).toBe('answered')
    },
  )

  it('should be one process on its store: a second one says what is wrong, and ends', async () => {
    const second = SeedNode.at(node.dir, node)
    try {
      await expect(second.start()).rejects.toThrow(/in use by another process/)
      expect((await second.process?.finished)?.code).not.toBe(0)
    } finally {
      await second.close()
    }
    expect(await outcomeOf(client.hello().then(() => ({})))).toBe('answered')
  })
})
