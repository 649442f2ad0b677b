import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'

const children: ChildProcessByStdio<null, Readable, null>[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})
function run(script: string, ...args: readonly string[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'fixtures', script), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async (): Promise<string> => String((await lines.next()).value)
  return { child, exited: once(child, 'exit'), line }
}

describe('a client whose server is killed', () => {
  it('should live until its pending call has ended with a typed error, though nothing else keeps it alive', async () => {
    const server = run('signer-that-never-answers.ts', 'lone client')
    const addresses = (await server.line()).split(' ')
    const client = run('call-until-deadline.ts', 'lone client', ...addresses)
    expect(await server.line()).toBe('asked')
    server.child.kill('SIGKILL')
    expect(await client.line()).toBe('DEADLINE')
    expect(await client.exited).toEqual([0, null])
  })
})
