import { cpSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeOf, fromHex, silentLogger, toHex } from '../../src/base/index.ts'
import { openMusigKeys, openS2Keys } from '../../src/crypto/index.ts'
import { curve, randomBytes, xOnly } from '../../src/curve/index.ts'
import { type EmbeddedChain, startChain } from '../../src/devnet/chain/index.ts'
import type { Client, JsonObject } from '../../src/rpc/client/index.ts'
import { otherAggNonces } from '../fixtures/musig2-recover.ts'
import { countersign, type Finished, temporaryFolder } from './countersign.ts'
import { SeedNode } from './seed-node.ts'

const folder = temporaryFolder()
const SEED = fromHex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f')
const KEYS = [openMusigKeys(openS2Keys(SEED)).xOnly, xOnly(curve.publicKeyOf(curve.randomScalar()))].map(toHex)
const PAIR = { ordered_pubkeys: KEYS, tweak: { kind: 'key', merkle_root: null } }

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
const place = () => ({ txid: hex(), vout: 1, index: 2 })
const outcomeOf = (call: Promise<JsonObject>): Promise<string | undefined> =>
  call.then(
    () => 'answered',
    (error: unknown) => codeOf(error),
  )
const nonce = (client: Client, sighash: string) => client.call('musig2.get_pub_nonce', { ...PAIR, sighash })
const partial = (client: Client, sighash: string, aggnonce: string) =>
  client.call('musig2.get_our_partial_sig', { ...PAIR, sighash, aggnonce })
const wots = (client: Client, at: object, message = '01'.repeat(16)) =>
  client.call('wots.get_128_signature', { ...at, message })
const operator = async (node: SeedNode, ...args: readonly string[]): Promise<Finished> => {
  const done = await countersign('s2', ...args, '--json', '--config', node.configFile).finished
  expect([done.code, done.stderr]).toEqual([0, ''])
  return done
}
/** A sighash whose nonce was shown, and two aggregate nonces of it. */
async function shown(client: Client) {
  const sighash = hex()
  const { pub_nonce } = await nonce(client, sighash)
  const [first = '', second = ''] = otherAggNonces(fromHex(String(pub_nonce)), 2).map(toHex)
  return { sighash, first, second }
}
/** One sighash that nothing was ever asked for, as far as a nonce and a signature of it come. */
async function newSession(client: Client): Promise<string | undefined> {
  const { sighash, first } = await shown(client)
  return await outcomeOf(partial(client, sighash, first))
}
/** What uses no secret only once. */
const worksStill = async (client: Client) => {
  expect(await outcomeOf(client.call('schnorr.sign', { target: 'general', digest: hex(), tap_tweak: null }))).toBe(
    'answered',
  )
  expect(await outcomeOf(client.call('wots.get_128_public_key', place()))).toBe('answered')
}

describe.each(['native', 'reference'] as const)(
  'incident 17: a store that is not the one of before: %s',
  (nonceMode) => {
    let node: SeedNode
    let client: Client
    beforeAll(async () => {
      node = await SeedNode.make({ dir: join(folder.dir, nonceMode), chain, seed: SEED, nonceMode })
      await node.start()
      client = await node.client()
    })
    afterAll(async () => {
      await node?.close()
    })

    it('R32: should answer STATE_LOST when an older copy was put back, until the journal is imported', async () => {
      const asked = await shown(client)
      const used = place()
      await node.stop()
      const data = join(node.dir, 'data')
      cpSync(data, `${data}.copy`, { recursive: true })
      await node.start()
      // What the copy does not know of.
      expect(await outcomeOf(partial(client, asked.sighash, asked.first))).toBe('answered')
      expect(await outcomeOf(wots(client, used))).toBe('answered')
      const journal = join(folder.dir, `${nonceMode}.journal`)
      await operator(node, 'journal', 'export', journal)
      await node.stop()
      rmSync(data, { recursive: true })
      renameSync(`${data}.copy`, data)
      await node.start()

      expect(await node.s2()).toMatchObject({ continuity: 'lost', lostReason: 'store_is_older' })
      expect(await outcomeOf(partial(client, asked.sighash, asked.second))).toBe('STATE_LOST')
      expect(await outcomeOf(nonce(client, asked.sighash))).toBe('STATE_LOST')
      expect(await outcomeOf(wots(client, used, '02'.repeat(16)))).toBe('STATE_LOST')
      expect(await outcomeOf(client.call('wots.get_128_secret_key', used))).toBe('STATE_LOST')
      expect(await outcomeOf(wots(client, place()))).toBe('STATE_LOST')
      // Fresh randomness is no second use of anything; a derived nonce may be one.
      expect(await newSession(client)).toBe(nonceMode === 'native' ? 'answered' : 'STATE_LOST')
      await worksStill(client)
      // That is not forgotten by starting again.
      await node.stop()
      await node.start()
      expect(await outcomeOf(wots(client, place()))).toBe('STATE_LOST')

      await operator(node, 'journal', 'import', journal)
      expect(await node.s2()).toMatchObject({ continuity: 'proven' })
      expect(await outcomeOf(partial(client, asked.sighash, asked.second))).toBe('EQUIVOCATION')
      expect(await outcomeOf(wots(client, used, '02'.repeat(16)))).toBe('EQUIVOCATION')
      expect(await outcomeOf(client.call('wots.get_128_secret_key', used))).toBe('EQUIVOCATION')
      expect(await outcomeOf(wots(client, used))).toBe('answered')
      expect(await outcomeOf(wots(client, place()))).toBe('answered')
      expect(await newSession(client)).toBe('answered')
    })

    it('R32: should answer STATE_LOST as a copy on another machine, until its operator accepts by name', async () => {
      const asked = await shown(client)
      const used = place()
      expect(await outcomeOf(wots(client, used))).toBe('answered')
      await node.stop()
      const copy = SeedNode.at(join(folder.dir, `${nonceMode}-copy`), node)
      cpSync(node.dir, copy.dir, { recursive: true })
      rmSync(join(copy.dir, 's2.instance'))
      await copy.start()

      const { continuity, instance } = await copy.s2()
      expect(continuity).toBe('lost')
      expect(await outcomeOf(partial(client, asked.sighash, asked.first))).toBe('STATE_LOST')
      expect(await outcomeOf(nonce(client, asked.sighash))).toBe('STATE_LOST')
      expect(await outcomeOf(wots(client, place()))).toBe('STATE_LOST')
      expect(await outcomeOf(wots(client, used, '02'.repeat(16)))).toBe('EQUIVOCATION')
      await worksStill(client)

      await operator(copy, 'accept', '--instance', String(instance))
      expect(await copy.s2()).toMatchObject({ continuity: 'proven' })
      expect(await outcomeOf(wots(client, place()))).toBe('answered')
      expect(await outcomeOf(wots(client, used, '02'.repeat(16)))).toBe('EQUIVOCATION')
      expect(await newSession(client)).toBe('answered')
      await copy.close()
    })
  },
)
