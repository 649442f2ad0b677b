import { type ChildProcess, fork, spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'

const src = (file: string) => JSON.stringify(pathToFileURL(resolve(import.meta.dirname, '../../../src', file)).href)

/** Runs until told to stop, as `countersign run` does, and says when it is ready. */
const WAITER = `
  const { processIo } = await import(${src('cli/io.ts')})
  const signal = processIo().stopSignal()
  const alive = setInterval(() => {}, 1000)
  signal.addEventListener('abort', () => clearInterval(alive))
  process.stdout.write('ready')
`
/** Does nothing after it was told how it would be stopped. */
const IDLER = `
  const { processIo } = await import(${src('cli/io.ts')})
  processIo().stopSignal()
`

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

const exitOf = (child: ChildProcess): Promise<number | null> =>
  new Promise((done) => child.once('exit', (code) => done(code)))
const ready = (child: ChildProcess): Promise<void> => new Promise((done) => child.stdout?.once('data', () => done()))

function forked(script: string): ChildProcess {
  const source = `data:text/javascript,${encodeURIComponent(script)}`
  const child = fork('-', [], { execArgv: ['--import', source, '--eval', ''], silent: true })
  children.push(child)
  return child
}
function spawned(script: string): ChildProcess {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  return child
}

describe('the process around a command', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('should stop gracefully on %s', async (signal) => {
    const child = spawned(WAITER)
    await ready(child)
    child.kill(signal)
    expect(await exitOf(child)).toBe(0)
  })

  it('should stop when the parent that started it is gone', async () => {
    const child = forked(WAITER)
    await ready(child)
    child.disconnect()
    expect(await exitOf(child)).toBe(0)
  })

  it('should not be kept alive by the channel to its parent', async () => {
    expect(await exitOf(forked(IDLER))).toBe(0)
  })

  it('should bear with a reader that goes away, as `head` does', async () => {
    const child = spawned(`
      const { processIo } = await import(${src('cli/io.ts')})
      const io = processIo()
      for (let i = 0; i < 2000; i++) io.stdout.write('x'.repeat(1000))
    `)
    let err = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      err += chunk.toString()
    })
    child.stdout?.once('data', () => child.stdout?.destroy())
    expect({ code: await exitOf(child), err }).toEqual({ code: 0, err: '' })
  })

  it('should set the exit code of the process', async () => {
    const child = spawned(`const { main } = await import(${src('cli/main.ts')}); await main(['nonsense'])`)
    expect(await exitOf(child)).toBe(64)
  })
})
