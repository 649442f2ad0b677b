import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { LIMITS } from '../../src/base/index.ts'

const SCRIPT = join(import.meta.dirname, 'fixtures/ends-while-keys-are-made.ts')

/** A process of its own: what is looked for ends the whole of one. */
async function ended(...args: readonly string[]): Promise<{ readonly code: number | string; readonly said: string }> {
  const child = spawn(process.execPath, [SCRIPT, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
  return await new Promise((resolve) =>
    child.once('close', (code, signal) => resolve({ code: code ?? signal ?? 'no code', said })),
  )
}

describe('a process that ends while keys are made on threads', () => {
  it.each([0, 200])(
    'should have no thread left after its stop, %d ms after the first has begun',
    async (ms) => {
      const { code, said } = await ended('stop', `${ms}`)
      expect([code, said]).toEqual([7, expect.stringMatching(/^\{"stoppedMs":\d+\}\n$/)])
      expect(JSON.parse(said).stoppedMs).toBeLessThan(LIMITS.keygenThreadLeaveMs)
    },
    60_000,
  )

  it.each([0, 100, 300])(
    'should end as it was told, by process.exit after %d ms',
    async (ms) => {
      expect(await ended('exit', `${ms}`)).toEqual({ code: 7, said: '' })
    },
    60_000,
  )
})
