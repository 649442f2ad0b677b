import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { openAuditLog } from '../../../src/signer/index.ts'
import { tempFolders } from '../store/temp-folder.ts'
import { errorAnswer, greets, resultAnswer, serve, signFrame } from './server-harness.ts'

const folder = tempFolders()

/** A service that counts what it did. */
const counting = () => {
  const done: string[] = []
  return {
    done,
    handlers: {
      'threshold.sign': async ({ requestId }: { readonly requestId: string }) => {
        done.push(requestId)
        return { signature: new Uint8Array(64) }
      },
    },
  }
}

describe('an audit log that takes nothing', () => {
  it('should let nothing be done after its first failure, until it takes a line again', async () => {
    const { done, handlers } = counting()
    let isFull = true
    const append = () => (isFull ? Promise.reject(new Error('ENOSPC')) : Promise.resolve())
    const { stream } = await serve(handlers, { audit: { append } })
    for (const id of [1, 2, 3]) {
      await stream.write(signFrame(id))
      expect(await errorAnswer(stream)).toMatchObject({ id, code: 'INTERNAL' })
    }
    expect(done).toHaveLength(1)
    expect(await greets(stream)).toBe(true)
    isFull = false
    // The line of this refusal is the first that is taken.
    await stream.write(signFrame(4))
    expect(await errorAnswer(stream)).toMatchObject({ id: 4, code: 'INTERNAL' })
    await stream.write(signFrame(5))
    expect((await resultAnswer(stream)).id).toBe(5)
  })

  it('should let nothing be done from the start if its files could not be opened', async () => {
    const dir = folder()
    mkdirSync(dir, { recursive: true })
    writeFileSync(join(dir, 'audit-00000001.jsonl'), 'no log\n', { mode: 0o600 })
    const audit = await openAuditLog({ dir, signer: KeyPair.generate(), logger: silentLogger })
    const { done, handlers } = counting()
    const { stream } = await serve(handlers, { audit })
    await stream.write(signFrame(1))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'INTERNAL' })
    expect(done).toEqual([])
    await audit.close()
  })
})
