import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { schnorr } from '@noble/curves/secp256k1.js'
import { afterEach, describe, expect, it } from 'vitest'
import { openKeyFile, unlockBeside } from '../../src/store/index.ts'
import { countersign, jsonLines, temporaryFolder } from './countersign.ts'
import type { Description } from './devnet.ts'

const folder = temporaryFolder()
afterEach(() => folder.remove())

const openOf = (dir: string) => openKeyFile(join(dir, 'signer.key'), unlockBeside(join(dir, 'signer.key')))
const bytes = (hex: unknown): Uint8Array => Uint8Array.from(Buffer.from(String(hex), 'hex'))
const verifies = (o: Readonly<Record<string, unknown>>): boolean =>
  schnorr.verify(bytes(o.signature), bytes(o.digest), bytes(o.groupKey))

describe('countersign devnet --once --json', () => {
  it('should tell the whole story on real parts', async () => {
    const { code, stdout } = await countersign('devnet', '--once', '--json', '--dir', folder.dir).finished
    const summary = jsonLines(stdout).at(-1)
    expect(summary).toMatchObject({ event: 'summary', ok: true, stranger: { refused: true } })
    expect(code).toBe(0)
    if (summary === undefined) throw new Error('no summary')
    const rotation = summary.rotation as Readonly<Record<string, unknown>>
    const signers = summary.signers as readonly { publicKey: string; peerId: string; pid: number }[]

    expect(verifies(summary)).toBe(true)
    expect(verifies(rotation)).toBe(true)
    expect(rotation.groupKey).not.toBe(summary.groupKey)
    expect(rotation.closedMs).toBeLessThanOrEqual(1_000)
    expect(rotation.removed).toEqual([signers[4]?.peerId])
    expect((summary.stranger as { deniedBy: string[] }).deniedBy.toSorted()).toEqual(
      signers.map((s) => s.peerId).toSorted(),
    )
    expect(new Set(signers.map((s) => s.pid)).size).toBe(5)
    for (const { pid } of signers) expect(() => process.kill(pid, 0)).toThrow()
    // hello, threshold.public_key and threshold.sign, before and after the rotation.
    expect(summary.bridge).toMatchObject({ calls: 6 })

    const description: Description = JSON.parse(readFileSync(join(folder.dir, 'devnet.json'), 'utf8'))
    expect(description.groupKey).toBe(rotation.groupKey)
    expect(description.signers.map((s) => s.peerId)).toEqual([
      ...signers.slice(0, 4).map((s) => s.peerId),
      ...(rotation.added as string[]),
    ])

    const shares = files(folder.dir).filter((f) => f.endsWith('.share.age'))
    const contents = shares.map((f) => readFileSync(f))
    // Five of the first key, five of the second.
    expect(shares).toHaveLength(10)
    expect(new Set(contents.map((c) => c.toString('hex'))).size).toBe(10)
    for (const content of contents) expect(content.toString('latin1')).toMatch(/^age-encryption\.org\/v1\n/)
    for (const file of shares) expect(statSync(file).mode & 0o077).toBe(0)

    // No dealer: what one signer's key opens, nobody else's does.
    const dirs = Array.from({ length: 6 }, (_, i) => join(folder.dir, `signer-${i + 1}`))
    const sealers = await Promise.all(dirs.map(async (dir) => (await openOf(dir)).sealer))
    for (const [owner, dir] of dirs.entries())
      for (const file of shares.filter((f) => f.startsWith(`${dir}/`)))
        for (const [who, sealer] of sealers.entries()) {
          const opened = sealer.open(readFileSync(file))
          if (who === owner) expect((await opened).length).toBeGreaterThan(0)
          else await expect(opened).rejects.toMatchObject({ code: 'SEALED_RECORD_UNREADABLE' })
        }
  })

  it('should tell it over QUIC alone', async () => {
    const args = ['--signers', '3', '--threshold', '2', '--transport', 'quic']
    const { code, stdout } = await countersign('devnet', '--once', '--json', ...args).finished
    const summary = jsonLines(stdout).at(-1)
    expect(summary).toMatchObject({ event: 'summary', ok: true })
    expect(code).toBe(0)
    expect(verifies(summary ?? {})).toBe(true)
    expect((summary as { rotation: { closedMs: number } }).rotation.closedMs).toBeLessThanOrEqual(1_000)
    // A temporary folder is removed at success.
    expect(existsSync(String(jsonLines(stdout)[0]?.dir))).toBe(false)
  })
})

const files = (dir: string): string[] =>
  readdirSync(dir).flatMap((name) => {
    const path = join(dir, name)
    const stat = statSync(path, { throwIfNoEntry: false })
    return stat?.isDirectory() ? files(path) : [path]
  })
