import { describe, expect, it } from 'vitest'
import { wotsVerify } from '../../src/crypto/index.ts'
import { bytes, freshRun, homeIn, run, wotsJob } from '../unit/signer/s2/service-fixtures.ts'
import { codeThrownBy, tempFolders } from '../unit/store/temp-folder.ts'

const tempFolder = tempFolders()

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
})
