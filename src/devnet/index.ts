import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { CodedError, describeError } from '../base/index.ts'
import { type NewSeed, newSeed } from '../node/index.ts'
import { showLive } from './live-view.ts'
import { DevnetNetwork } from './network.ts'
import { checkOptions, type DevnetOptions } from './options.ts'
import { createReport, type DevnetEvent, type Report } from './report.ts'
import { Story } from './story.ts'

export { type DevnetOptions, TRANSPORT_CHOICES, type TransportChoice } from './options.ts'

/**
 * Runs a devnet until the signal aborts, or with `once` until the story is told. Resolves with the exit code; whatever
 * fails once the `start` line is out ends with a summary line. Throws `DEVNET_OPTIONS`, `DEVNET_DIR`,
 * and what reading the seed's file throws before it.
 */
export async function runDevnet(options: DevnetOptions): Promise<number> {
  checkOptions(options)
  // Before anything is made: a wrong path leaves nothing behind. Unused, because a devnet begins anew.
  const seed = await newSeed(options.s2SeedFile, true)
  try {
    return await runWith(options, seed)
  } finally {
    seed.close()
  }
}

async function runWith(options: DevnetOptions, seed: NewSeed): Promise<number> {
  const { dir, temporary } = await openFolder(options.dir)
  const report = createReport(options, Date.now())
  const net = new DevnetNetwork(dir, options, report, seed)
  report(
    { event: 'start', dir, signers: options.signers, threshold: options.threshold, transport: options.transport },
    `devnet in ${dir}`,
  )
  const [lived] = await Promise.allSettled([live(net, options, report)])
  const interrupted = options.signal.aborted
  report({ event: 'stopping' }, 'stopping')
  // The reason why it ended is the one to be told; what then fails to stop may be its consequence.
  const [stopped] = await Promise.allSettled([net.stop()])

  if (lived.status === 'rejected' && !(interrupted && !options.once))
    return interrupted ? fail(report, { reason: 'interrupted' }, dir) : fail(report, reasonOf(lived.reason), dir)
  if (stopped.status === 'rejected') return fail(report, reasonOf(stopped.reason), dir)
  if (lived.status === 'fulfilled') report(lived.value, SUCCESS)
  if (temporary) await rm(dir, { recursive: true, force: true })
  return 0
}

/** Throws `DEVNET_DIR` if the folder can't be had. */
async function openFolder(wanted: string | undefined): Promise<{ readonly dir: string; readonly temporary: boolean }> {
  const parent = tmpdir()
  const dir = wanted === undefined ? parent : resolve(wanted)
  try {
    if (wanted === undefined) return { dir: await mkdtemp(join(parent, 'countersign-')), temporary: true }
    await mkdir(dir, { recursive: true, mode: 0o700 })
    return { dir, temporary: false }
  } catch (error) {
    throw new CodedError(
      'DEVNET_DIR',
      `no folder can be made at ${dir} (${describeError(error)}): name another one with --dir`,
      { dir },
      { cause: error },
    )
  }
}

/** Resolves with the summary of the story; without `once` it ends only by rejecting, at the latest when the signal aborts. */
async function live(net: DevnetNetwork, options: DevnetOptions, report: Report): Promise<DevnetEvent> {
  await net.start()
  const groupKey = await net.awaitKey()
  report({ event: 'keygen', groupKey }, `group key ${groupKey} made by all and put on chain`)
  await net.writeDescription()
  if (options.once) {
    const told = await new Story(net, options, report).run(groupKey)
    // Once more: the rotation has changed key and signers.
    await net.writeDescription()
    return { event: 'summary', ...told }
  }
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
  if (options.live && !options.json) return await showLive(net, options.stdout, options.signal)
  options.signal.throwIfAborted()
  await once(options.signal, 'abort')
  throw options.signal.reason
}

interface Reason {
  readonly reason: string
  readonly code?: string
}

function reasonOf(error: unknown): Reason {
  return error instanceof CodedError ? { code: error.code, reason: error.message } : { reason: describeError(error) }
}

function fail(report: Report, why: Reason, dir: string): number {
  report({ event: 'summary', ok: false, ...why, dir }, `failed: ${why.reason}\n         everything is kept in ${dir}`)
  return 1
}

const SUCCESS = 'done: gate, key, signature, rotation and teardown all as they should be'
