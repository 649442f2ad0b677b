import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describeError } from '../base/index.ts'
import { showLive } from './live-view.ts'
import { DevnetNetwork } from './network.ts'
import { checkOptions, type DevnetOptions } from './options.ts'
import { createReport, type Report } from './report.ts'
import { Story } from './story.ts'

export { type DevnetOptions, TRANSPORT_CHOICES, type TransportChoice } from './options.ts'

/** Runs a devnet until the signal aborts, or with `once` until the story is told. Resolves with the exit code. */
export async function runDevnet(options: DevnetOptions): Promise<number> {
  checkOptions(options)
  const temporary = options.dir === undefined
  const dir = options.dir === undefined ? await mkdtemp(join(tmpdir(), 'countersign-')) : resolve(options.dir)
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const report = createReport(options, Date.now())
  const net = new DevnetNetwork(dir, options, report)
  report(
    { event: 'start', dir, signers: options.signers, threshold: options.threshold, transport: options.transport },
    `devnet in ${dir}`,
  )
  try {
    const summary = await live(net, options, report)
    await net.stop()
    if (summary !== undefined) report(summary, words(summary))
    if (temporary) await rm(dir, { recursive: true, force: true })
    return 0
  } catch (error) {
    await net.stop()
    if (options.signal.aborted) {
      if (temporary) await rm(dir, { recursive: true, force: true })
      return options.once ? fail(report, 'interrupted', dir) : 0
    }
    return fail(report, describeError(error), dir)
  }
}

async function live(
  net: DevnetNetwork,
  options: DevnetOptions,
  report: Report,
): Promise<(Readonly<Record<string, unknown>> & { event: string }) | undefined> {
  await net.start()
  const groupKey = await net.awaitKey()
  report({ event: 'keygen', groupKey }, `group key ${groupKey} made by all and put on chain`)
  await net.writeDescription()
  if (options.once) return { event: 'summary', ...(await new Story(net, options, report).run(groupKey)) }
  const { chain, signers, bridge } = net
  report(
    { event: 'ready', description: join(net.dir, 'devnet.json'), chainUrl: chain.url, groupKey },
    [
      'ready; Ctrl-C stops everything',
      `         description  ${join(net.dir, 'devnet.json')}`,
      `         chain        ${chain.url}`,
      `         bridge key   ${bridge.keyFile}`,
      ...signers.map((s) => `         ${s.name.padEnd(12)} countersign status --config ${s.configFile}`),
    ].join('\n'),
  )
  if (options.live && !options.json) await showLive(net, options.stdout, options.signal)
  else if (!options.signal.aborted)
    await new Promise<void>((done) => options.signal.addEventListener('abort', () => done(), { once: true }))
  report({ event: 'stopping' }, 'stopping')
  return undefined
}

function fail(report: Report, reason: string, dir: string): number {
  report({ event: 'summary', ok: false, reason, dir }, `failed: ${reason}\n         everything is kept in ${dir}`)
  return 1
}

const words = (summary: Readonly<Record<string, unknown>>): string =>
  summary.ok === true ? 'done: gate, key, signature, rotation and teardown all as they should be' : 'failed'
