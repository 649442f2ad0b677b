import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger, systemClock } from '../../../src/base/index.ts'
import { ConfigWatch } from '../../../src/node/reload/index.ts'
import { ManualClock, MemoryLogger } from '../registry/support/ports.ts'

let dir: string
let file: string
let told: number
let watch: ConfigWatch | undefined
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cs-watch-'))
  file = join(dir, 'signer.toml')
  writeFileSync(file, 'one')
  told = 0
})
afterEach(async () => {
  await watch?.stop()
  watch = undefined
  rmSync(dir, { recursive: true, force: true })
})

async function start(over: Partial<ConstructorParameters<typeof ConfigWatch>[0]> = {}): Promise<void> {
  const onChange = () => void told++
  watch = new ConfigWatch({ file, onChange, clock: systemClock, logger: silentLogger, ...over })
  await watch.start()
}
const toldOf = (count: number) => expect.poll(() => told, { timeout: 20_000 }).toBe(count)

describe('ConfigWatch', () => {
  it('should tell once after the start, for what changed before it', async () => {
    await start()
    await toldOf(1)
  })

  it('should tell of a file that is written in place', async () => {
    await start()
    await toldOf(1)
    writeFileSync(file, 'two')
    await toldOf(2)
  })

  it('should tell of a file that takes its place, as editors do it, again and again', async () => {
    await start()
    await toldOf(1)
    for (const count of [2, 3]) {
      writeFileSync(`${file}~`, `text ${count}`)
      renameSync(`${file}~`, file)
      await toldOf(count)
    }
  })

  it('should tell of a link that is turned to another folder, as config maps do it', async () => {
    for (const name of ['a', 'b']) {
      mkdirSync(join(dir, name))
      writeFileSync(join(dir, name, 'signer.toml'), `text of ${name}`)
    }
    symlinkSync('a', join(dir, 'current'))
    unlinkSync(file)
    symlinkSync('current/signer.toml', file)
    await start()
    await toldOf(1)
    symlinkSync('b', join(dir, 'next'))
    renameSync(join(dir, 'next'), join(dir, 'current'))
    await toldOf(2)
  })

  it('should not tell of other files in the folder, nor of a file that is gone', async () => {
    await start()
    await toldOf(1)
    writeFileSync(join(dir, 'signer.log'), 'a line')
    unlinkSync(file)
    // What comes after them was seen after them.
    writeFileSync(file, 'back again')
    await toldOf(2)
    expect(told).toBe(2)
  })

  it('should tell of a changed file even without any event, and not before it has settled', async () => {
    const clock = new ManualClock()
    const tick = async (ms: number) => {
      clock.advance(ms)
      // The look at the file is real.
      await expect.poll(() => clock.pending, { timeout: 10_000 }).toBe(1)
    }
    await start({ clock })
    await tick(300)
    expect(told).toBe(0)
    await tick(300)
    expect(told).toBe(1)
    writeFileSync(file, 'first half')
    await tick(10_000)
    expect(told).toBe(1)
    writeFileSync(file, 'first half and second half')
    await tick(300)
    expect(told).toBe(1)
    await tick(300)
    expect(told).toBe(2)
  })

  it('should say that a folder can not be watched, and go on looking', async () => {
    const logger = new MemoryLogger()
    await start({ file: join(dir, 'nowhere', 'signer.toml'), logger })
    expect(logger.messages('warn')).toHaveLength(1)
    expect(told).toBe(0)
  })

  it('should tell nothing once it is stopped', async () => {
    const clock = new ManualClock()
    await start({ clock })
    await watch?.stop()
    expect(clock.pending).toBe(0)
    expect(told).toBe(0)
  })
})
