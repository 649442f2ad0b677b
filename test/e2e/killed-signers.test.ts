import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { curve, randomBytes } from '../../src/curve/index.ts'
import { RpcError } from '../../src/rpc/client/index.ts'
import { type RunningDevnet, startDevnet } from './devnet.ts'

let devnet: RunningDevnet
beforeAll(async () => {
  devnet = await startDevnet('--signers', '5', '--threshold', '3')
})
afterAll(() => devnet.stop())

/** BIP341 taproot_tweak_pubkey, by a library of its own and not by our code. */
function outputKey(internalKey: Uint8Array, merkleRoot: Uint8Array): Uint8Array {
  const { Point } = secp256k1
  const t = schnorr.utils.taggedHash('TapTweak', internalKey, merkleRoot)
  const tweak = Point.BASE.multiply(Point.Fn.fromBytes(t))
  return Point.fromBytes(Uint8Array.from([2, ...internalKey]))
    .add(tweak)
    .toBytes(true)
    .subarray(1)
}

const gone = (pid: number): boolean => {
  try {
    return !process.kill(pid, 0)
  } catch {
    return true
  }
}

/** The signers are the devnet's children; it reaps them, which is when they are gone. */
async function killHard(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  await expect.poll(() => gone(pid), { timeout: 10_000 }).toBe(true)
}

describe('a devnet of 3 of 5 whose signers are killed with -9', () => {
  it('should sign with all of them', async () => {
    expect(await signs()).toBe(true)
  })

  it('should give the same bytes for the same request, and refuse another digest under its id', async () => {
    const client = await devnet.bridge(0)
    const digest = randomBytes(32)
    const first = await client.threshold.sign({ requestId: 'twice', digest })
    const second = await client.threshold.sign({ requestId: 'twice', digest })
    expect(second.signature).toEqual(first.signature)
    await expect(client.threshold.sign({ requestId: 'twice', digest: randomBytes(32) })).rejects.toMatchObject({
      code: 'EQUIVOCATION',
    })
    await client.close()
  })

  it('should sign under the group key tweaked with a merkle root', async () => {
    const client = await devnet.bridge(1)
    const [digest, merkleRoot] = [randomBytes(32), randomBytes(32)]
    const { signature } = await client.threshold.sign({
      requestId: 'tweaked',
      digest,
      tweak: { kind: 'key', merkleRoot },
    })
    const groupKey = (await client.threshold.publicKey()).publicKey
    expect(curve.schnorrVerify(signature, digest, groupKey)).toBe(false)
    expect(curve.schnorrVerify(signature, digest, outputKey(groupKey, merkleRoot))).toBe(true)
    await client.close()
  })

  it('should still sign with n - t of them killed', async () => {
    for (const signer of devnet.description.signers.slice(3)) await killHard(signer.pid)
    expect(await signs()).toBe(true)
  })

  it('should answer a typed timeout that says who is missing with one more killed', async () => {
    const [, , third, fourth, fifth] = devnet.description.signers
    await killHard(third?.pid ?? 0)
    const client = await devnet.bridge(0)
    const error: unknown = await client.threshold
      .sign({ requestId: 'too-few', digest: randomBytes(32), timeoutMs: 12_000 })
      .catch((e: unknown) => e)
    expect(error).toBeInstanceOf(RpcError)
    expect(error).toMatchObject({ code: 'TIMEOUT' })
    const missing = error instanceof RpcError ? error.details.missing : []
    expect([...missing].toSorted()).toEqual([third, fourth, fifth].map((s) => s?.publicKey).toSorted())
    await client.close()
  })

  it('should stop every child on Ctrl-C', async () => {
    await devnet.stop()
    for (const { pid } of devnet.description.signers) expect(gone(pid)).toBe(true)
  })
})

async function signs(): Promise<boolean> {
  const client = await devnet.bridge(0)
  const digest = randomBytes(32)
  const { signature } = await client.threshold.sign({
    requestId: `r-${Buffer.from(digest).toString('hex', 0, 8)}`,
    digest,
  })
  const ok = curve.schnorrVerify(signature, digest, (await client.threshold.publicKey()).publicKey)
  await client.close()
  return ok
}
