import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { curve, randomBytes } from '../../src/curve/index.ts'
import { connect } from '../../src/rpc/client/index.ts'
import { openKeyFile, unlockBeside } from '../../src/store/index.ts'
import { countersign, jsonLines } from './countersign.ts'
import { type RunningDevnet, startDevnet } from './devnet.ts'

const running: RunningDevnet[] = []
beforeAll(async () => {
  const args = ['--signers', '2', '--threshold', '2', '--transport', 'both']
  running.push(...(await Promise.all([startDevnet(...args), startDevnet(...args)])))
})
afterAll(async () => {
  await Promise.all(running.map((d) => d.stop()))
})

const devnet = (i: number): RunningDevnet => {
  const found = running[i]
  if (found === undefined) throw new Error('no such devnet')
  return found
}

async function signs(d: RunningDevnet): Promise<boolean> {
  const client = await d.bridge(0)
  const digest = randomBytes(32)
  const { signature } = await client.threshold.sign({ requestId: Buffer.from(digest).toString('hex', 0, 16), digest })
  const ok = curve.schnorrVerify(signature, digest, (await client.threshold.publicKey()).publicKey)
  await client.close()
  return ok
}

describe('two devnets at once', () => {
  it('should not disturb each other', async () => {
    expect(devnet(0).description.groupKey).not.toBe(devnet(1).description.groupKey)
    expect(await Promise.all([signs(devnet(0)), signs(devnet(1))])).toEqual([true, true])
  })

  it('should not know each other: the bridge of one is a stranger to the other', async () => {
    const { keyPair } = await openKeyFile(
      devnet(0).description.bridge.keyFile,
      unlockBeside(devnet(0).description.bridge.keyFile),
    )
    const addresses = devnet(1).description.signers[0]?.addresses ?? []
    await expect(connect({ addresses, key: keyPair })).rejects.toMatchObject({ code: 'NOT_ADMITTED' })
  })

  it('should leave the other one running when one is stopped', async () => {
    expect(await devnet(0).stop()).toBe(0)
    expect(await signs(devnet(1))).toBe(true)
  })
})

describe('a larger devnet', () => {
  it('should tell the whole story with 6 of 9', async () => {
    const { code, stdout } = await countersign('devnet', '--once', '--json', '--signers', '9', '--threshold', '6')
      .finished
    const summary = jsonLines(stdout).at(-1)
    expect(summary).toMatchObject({ event: 'summary', ok: true })
    expect((summary as { signers: unknown[] }).signers).toHaveLength(9)
    expect((summary as { rotation: { closedMs: number } }).rotation.closedMs).toBeLessThanOrEqual(1_000)
    expect(code).toBe(0)
  })
})
