import { describe, expect, it } from 'vitest'
import { codeOf, toHex } from '../../src/base/index.ts'
import { wotsVerify } from '../../src/crypto/index.ts'
import { KeyPair } from '../../src/curve/index.ts'
import type { Client } from '../../src/rpc/client/index.ts'
import { s2Node } from '../integration/s2-node.ts'
import { bytes, freshRun, homeIn, run, wotsJob } from '../unit/signer/s2/service-fixtures.ts'
import { codeThrownBy, tempFolders } from '../unit/store/temp-folder.ts'

const tempFolder = tempFolders()
const bridge = KeyPair.generate()

describe('incident 18: one one-time key for two purposes', () => {
  it.each([128, 256] as const)(
    'R34: should sign the first message for ever, and no second one: %i bits',
    async (bits) => {
      const [first, second] = [bytes(1, bits / 8), bytes(2, bits / 8)]
      const home = homeIn(tempFolder())
      const before = await freshRun(home)
      const signature = await before.service.wotsSignature(wotsJob(1, bits), first)
      const [publicKey] = await before.service.wotsPublicKeys([wotsJob(1, bits)])
      expect(wotsVerify(signature, first, publicKey ?? bytes(0))).toBe(true)
      expect(await codeThrownBy(before.service.wotsSignature(wotsJob(1, bits), second))).toBe('EQUIVOCATION')
      await before.stop()
      const s = await run(home)
      expect(await codeThrownBy(s.service.wotsSignature(wotsJob(1, bits), second))).toBe('EQUIVOCATION')
      expect(await codeThrownBy(s.service.wotsSecretKey(wotsJob(1, bits)))).toBe('EQUIVOCATION')
      expect(await s.service.wotsSignature(wotsJob(1, bits), first)).toEqual(signature)
      await s.stop()
    },
  )

  type Purpose = 'message' | 'another' | 'export'
  const PAIRS: readonly (readonly [Purpose, Purpose])[] = [
    ['message', 'another'],
    ['message', 'export'],
    ['export', 'message'],
  ]
  /** One key of its own for each, asked for through client and server. */
  const asking = (client: Client, bits: 128 | 256, index: number) => (purpose: Purpose) => {
    const place = { txid: toHex(bytes(5)), vout: 1, index }
    if (purpose === 'export') return client.call(`wots.get_${bits}_secret_key`, place)
    const message = toHex(bytes(purpose === 'message' ? 1 : 2, bits / 8))
    return client.call(`wots.get_${bits}_signature`, { ...place, message })
  }
  const outcomeOf = (call: Promise<unknown>) => call.then(() => 'answered', codeOf)

  it.each(PAIRS.flatMap((pair) => [[...pair, 128] as const, [...pair, 256] as const]))(
    'R34: should serve the first purpose for ever, and no second one, through the wire: %s, then %s, %i bits',
    async (first, second, bits) => {
      const home = homeIn(tempFolder())
      const before = await s2Node(home, [bridge])
      const ask = asking(await before.client(bridge), bits, 0)
      const answer = await ask(first)
      expect(await outcomeOf(ask(second))).toBe('EQUIVOCATION')
      expect(await ask(first)).toEqual(answer)
      await before.stop()
      await using after = await s2Node(home, [bridge])
      const again = asking(await after.client(bridge), bits, 0)
      expect(await outcomeOf(again(second))).toBe('EQUIVOCATION')
      expect(await again(first)).toEqual(answer)
    },
  )

  it.each(PAIRS)(
    'R34: should serve one of two that are asked for in the same tick: %s and %s',
    async (first, second) => {
      await using node = await s2Node(homeIn(tempFolder()), [bridge])
      const client = await node.client(bridge)
      for (let i = 0; i < 8; i++) {
        const ask = asking(client, 128, i)
        // Whichever is asked first.
        const both = i % 2 === 0 ? [ask(first), ask(second)] : [ask(second), ask(first)]
        expect((await Promise.all(both.map(outcomeOf))).toSorted()).toEqual(['EQUIVOCATION', 'answered'])
      }
    },
  )
})
