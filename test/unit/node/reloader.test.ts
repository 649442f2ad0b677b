import { beforeEach, describe, expect, it } from 'vitest'
import { CodedError } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { type NodeConfig, parseConfig } from '../../../src/node/config/index.ts'
import { Reloader, refusalText } from '../../../src/node/reload/index.ts'
import { CountingMetrics, ManualClock, MemoryLogger } from '../registry/support/ports.ts'
import { configText } from './config-text.ts'

const [self, member] = [KeyPair.generate(), KeyPair.generate()]
const FILE = '/etc/countersign/signer.toml'
const parse = (text: string) => parseConfig(text, FILE, { methods: [] })
const PLAIN = configText(self.publicKey)
const DENYING = configText(self.publicKey, { p2p: `deny = ["${member.publicKey}"]` })
const OTHER_LEVEL = configText(self.publicKey, {
  p2p: `deny = ["${member.publicKey}"]`,
  tail: '[log]\nlevel = "debug"\n',
})

let text: string
let isReady: boolean
let read: () => Promise<NodeConfig>
let applied: NodeConfig[]
let apply: (config: NodeConfig) => Promise<void>
let metrics: CountingMetrics
let logger: MemoryLogger
let clock: ManualClock
let reloader: Reloader
beforeEach(async () => {
  text = PLAIN
  isReady = true
  read = async () => parse(text)
  applied = []
  apply = async () => {}
  metrics = new CountingMetrics()
  logger = new MemoryLogger()
  clock = new ManualClock()
  reloader = new Reloader({
    config: parse(PLAIN),
    load: () => read(),
    self: () => self.publicKey,
    isReady: () => isReady,
    apply: (config) => {
      applied.push(config)
      return apply(config)
    },
    clock,
    logger,
    metrics,
  })
  await reloader.start()
})
const counted = (result: string): number => metrics.of('config_reloads_total', result)

describe('Reloader', () => {
  it('should apply a changed file, say what changed, and compare the next one with it', async () => {
    text = DENYING
    const report = await reloader.reload('admin')
    expect(report).toMatchObject({
      result: 'applied',
      trigger: 'admin',
      file: FILE,
      changes: [{ key: 'p2p.deny', added: [member.peerId], removed: [] }],
      refusals: [],
    })
    expect(applied.map((c) => c.p2p.deny)).toEqual([[member.peerId]])
    expect(reloader.config.p2p.deny).toEqual([member.peerId])
    expect(reloader.last()).toEqual(report)
    expect(logger.messages('info')).toContain('Config reloaded')
    expect((await reloader.reload('admin')).result).toBe('unchanged')
    text = PLAIN
    expect((await reloader.reload('signal')).changes).toEqual([
      { key: 'p2p.deny', added: [], removed: [member.peerId] },
    ])
    expect([counted('applied'), counted('unchanged')]).toEqual([2, 1])
  })

  it('incident 42: should apply nothing of a file that needs a restart, and name the key', async () => {
    text = OTHER_LEVEL
    const report = await reloader.reload('admin')
    expect(report).toMatchObject({ result: 'needs_restart', changes: [], refusals: [{ key: 'log.level' }] })
    expect(refusalText(report)).toMatch(/signer\.toml: log\.level differs from what runs: it needs a restart/)
    expect(applied).toEqual([])
    expect(reloader.config.p2p.deny).toEqual([])
    expect(reloader.last()).toEqual(report)
    expect(counted('needs_restart')).toBe(1)
  })

  it('incident 42: should apply nothing of a file that is wrong, and say where', async () => {
    text = `${DENYING}\n[p2p]\n`
    expect(await reloader.reload('file')).toMatchObject({ result: 'invalid', changes: [] })
    text = DENYING.replace('deny', 'dney')
    const report = await reloader.reload('file')
    expect(report).toMatchObject({ result: 'invalid', refusals: [{ key: 'p2p.dney' }] })
    expect(refusalText(report)).toMatch(/did you mean deny/)
    expect(applied).toEqual([])
    expect(logger.messages('warn')).toHaveLength(2)
    expect(counted('invalid')).toBe(2)
  })

  it('should refuse a file that is gone', async () => {
    read = async () => {
      throw new CodedError('CONFIG_MISSING', `there is no file ${FILE}`)
    }
    expect(await reloader.reload('signal')).toMatchObject({ result: 'unreadable' })
    expect(applied).toEqual([])
  })

  it('should make news of an unchanged file only where it was refused before', async () => {
    await reloader.reload('file')
    expect(reloader.last()).toBeUndefined()
    text = OTHER_LEVEL
    await reloader.reload('file')
    expect(reloader.last()?.result).toBe('needs_restart')
    text = PLAIN
    await reloader.reload('file')
    expect(reloader.last()).toMatchObject({ result: 'unchanged', refusals: [] })
  })

  it('should tell who asks for what a change of the file has applied already, what that was and when', async () => {
    expect((await reloader.reload('admin')).appliedBefore).toBeNull()
    text = DENYING
    const applied = await reloader.reload('file')
    expect(applied.appliedBefore).toBeNull()
    clock.advance(2_000)
    const { trigger, atMs, changes } = applied
    for (let asked = 0; asked < 2; asked++)
      expect(await reloader.reload('admin')).toMatchObject({
        result: 'unchanged',
        atMs: atMs + 2_000,
        appliedBefore: { trigger, atMs, changes },
      })
    text = OTHER_LEVEL
    expect(await reloader.reload('admin')).toMatchObject({ result: 'needs_restart', appliedBefore: null })
  })

  it('should apply one reload after the other', async () => {
    const gate = Promise.withResolvers<void>()
    const order: string[] = []
    apply = async (config) => {
      order.push(`begin ${config.p2p.deny.length}`)
      await gate.promise
      order.push(`end ${config.p2p.deny.length}`)
    }
    text = DENYING
    const first = reloader.reload('admin')
    await expect.poll(() => order).toEqual(['begin 1'])
    text = PLAIN
    const [second, third] = [reloader.reload('signal'), reloader.reload('file')]
    gate.resolve()
    expect((await first).result).toBe('applied')
    expect((await second).changes).toMatchObject([{ removed: [member.peerId] }])
    // It waited for the same turn, and the file is read when that comes.
    expect(await third).toBe(await second)
    expect(order).toEqual(['begin 1', 'end 1', 'begin 0', 'end 0'])
  })

  it('should go on after a reload that failed in an unforeseen way, and try the same again', async () => {
    apply = async () => {
      throw new Error('a bug')
    }
    text = DENYING
    await expect(reloader.reload('admin')).rejects.toThrow('a bug')
    await reloader.quietly('file')
    apply = async () => {}
    expect((await reloader.reload('admin')).result).toBe('applied')
  })

  it('should refuse while the node starts or stops, and not apply a file that was read meanwhile', async () => {
    const reading = Promise.withResolvers<NodeConfig>()
    read = () => reading.promise
    const late = reloader.reload('admin')
    await new Promise((resolve) => setImmediate(resolve))
    const stopped = reloader.stop()
    reading.resolve(parse(DENYING))
    await expect(late).rejects.toMatchObject({ code: 'NOT_RUNNING' })
    await stopped
    await expect(reloader.reload('admin')).rejects.toMatchObject({ code: 'NOT_RUNNING' })
    expect(applied).toEqual([])
  })

  it('should refuse while the node changes its key: its lists would go to an identity on its way out', async () => {
    text = DENYING
    isReady = false
    await expect(reloader.reload('admin')).rejects.toMatchObject({ code: 'NOT_RUNNING' })
    expect(applied).toEqual([])
    isReady = true
    expect((await reloader.reload('admin')).result).toBe('applied')
  })

  it('should wait at stop for the reload that is being applied', async () => {
    const gate = Promise.withResolvers<void>()
    let isApplied = false
    apply = async () => {
      await gate.promise
      isApplied = true
    }
    text = DENYING
    const report = reloader.reload('admin')
    await expect.poll(() => applied.length).toBe(1)
    const stopped = reloader.stop().then(() => isApplied)
    gate.resolve()
    expect(await stopped).toBe(true)
    expect((await report).result).toBe('applied')
  })
})
