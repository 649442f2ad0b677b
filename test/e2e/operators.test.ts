import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes } from '../../src/curve/index.ts'
import { connect, RpcError } from '../../src/rpc/client/index.ts'
import { bridgeOf, command, holdOneKey, type Operator, Operators, run, signBy, status } from './operators.ts'

/** Policy is the default, `bridge`: each operator's own bridge node must ask. */
let operators: Operators
let ada: Operator
let bo: Operator
let cyd: Operator

beforeAll(async () => {
  operators = await Operators.make({ founders: ['ada', 'bo', 'cyd'] })
  ;[ada, bo, cyd] = operators.all as [Operator, Operator, Operator]
})
afterAll(async () => {
  await operators?.stop()
})

describe('three operators with hand-made configs', () => {
  it('should have made sealed keys that only their owner can read', () => {
    for (const o of operators.all)
      for (const name of ['signer.key', 'signer.key.offline']) {
        const file = join(o.dir, name)
        expect(statSync(file).mode & 0o077).toBe(0)
        expect(readFileSync(file).toString('latin1')).toMatch(/^age-encryption\.org\/v1\n/)
      }
  })

  it('should make a key together', async () => {
    for (const o of operators.all) run(o)
    await expect.poll(() => holdOneKey(operators.all), { timeout: 120_000, interval: 500 }).toBe(true)
    const { code, stdout } = await command(ada, 'status', '--json')
    expect([code, JSON.parse(stdout).key]).toEqual([0, expect.objectContaining({ held: true })])
  })

  it('R27: should not sign what only one operator asked for, and say who is missing', async () => {
    const client = await bridgeOf(ada)
    const error: unknown = await client.threshold
      .sign({ requestId: 'alone', digest: randomBytes(32), timeoutMs: 6_000 })
      .catch((e: unknown) => e)
    await client.close()
    expect(error).toBeInstanceOf(RpcError)
    expect(error).toMatchObject({ code: 'TIMEOUT' })
    // What the others' operators see of it: who asks, and that nobody of theirs did.
    const { stdout } = await command(bo, 'status')
    expect(stdout).toMatch(new RegExp(`waiting +alone +${ada.publicKey.slice(0, 8)}.* not_asked$`, 'm'))
  })

  it('should sign what enough operators asked for', async () => {
    expect(await signBy([ada, bo], 'both')).toBe(true)
  })

  it("should refuse another operator's bridge", async () => {
    const addresses = [`${bo.address}/p2p/${bo.peerId}`]
    await expect(connect({ addresses, key: ada.bridge })).rejects.toMatchObject({ code: 'NOT_ADMITTED' })
  })

  it('should rejoin after kill -9 and sign again', async () => {
    await cyd.process?.kill('SIGKILL')
    expect(await signBy([ada, bo], 'without-cyd')).toBe(true)
    run(cyd)
    await expect.poll(async () => (await status(cyd))?.health.ok, { timeout: 60_000, interval: 500 }).toBe(true)
    expect(await signBy([bo, cyd], 'with-cyd-again')).toBe(true)
  })

  it('should refuse a second process on the same data', async () => {
    const { code, stderr } = await command(ada, 'run')
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/STORE_LOCKED|in use|lock/i)
  })
})
