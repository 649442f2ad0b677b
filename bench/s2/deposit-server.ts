/**
 * A signer node's host, rpc server, audit log and secret service in a process of its own, over a store on this machine's disk.
 * Says where it is; asked for `cpu`, it says how much it has used, and how long its event loop was kept since it was asked last.
 */
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { accept, refuse, silentLogger, systemClock } from '../../src/base/index.ts'
import { KeyPair } from '../../src/curve/index.ts'
import { createP2pHost, type RoleCheck } from '../../src/p2p/index.ts'
import { createRpcServer, createS2Handlers, RPC_PROTOCOL } from '../../src/rpc/index.ts'
import { openAuditLog } from '../../src/signer/index.ts'
import { PromMetrics } from '../../src/status/index.ts'
import { methodHandlers } from '../rpc/method.ts'
import { openService } from './open-service.ts'

/** Of the server's process since it was asked last. */
export interface ServerSpent {
  readonly cpuMs: number
  /** Late by the clock on the wall, which also runs while the machine does other things. */
  readonly longestBlockMs: number
  /** CPU of the event loop's own thread between two turns of a timer. */
  readonly longestStretchMs: number
}

const MAY_SPEAK = new Set([RPC_PROTOCOL, '/ipfs/id/1.0.0', '/ipfs/id/push/1.0.0'])
const ROLES: RoleCheck = {
  mayConnect: () => accept(undefined),
  mayGossip: () => refuse('no_right_to_topic'),
  mayOpenStream: (_peer, protocol) => (MAY_SPEAK.has(protocol) ? accept(undefined) : refuse('no_right_to_protocol')),
  denied() {},
}

const { service, dir, stop } = await openService(true)
const keyPair = KeyPair.generate()
const host = createP2pHost({
  keyPair,
  listen: ['/ip4/127.0.0.1/tcp/0'],
  transports: ['tcp'],
  network: 'bench',
  boot: 1,
  gossip: false,
  roles: ROLES,
  connectionGater: {},
  logger: silentLogger,
  metrics: new PromMetrics(),
})
const audit = await openAuditLog({ dir: join(dir, 'audit'), signer: keyPair, logger: silentLogger })
const server = createRpcServer({
  streams: host.streams,
  authorize: () => 'granted',
  handlers: { ...methodHandlers(keyPair), ...createS2Handlers(service) },
  // A bridge asks for a deposit at a time; here they come one after the other.
  takeQuota: () => true,
  clock: systemClock,
  logger: silentLogger,
  metrics: new PromMetrics(),
  audit,
})
await server.start()
await host.start()

const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
let [longestStretchMs, stretchFrom] = [0, process.threadCpuUsage()]
setInterval(() => {
  const { user, system } = process.threadCpuUsage(stretchFrom)
  longestStretchMs = Math.max(longestStretchMs, (user + system) / 1000)
  stretchFrom = process.threadCpuUsage()
}, 1).unref()
let known = process.cpuUsage()
process.on('message', (what) => {
  if (what === 'stop') return void end()
  const { user, system } = process.cpuUsage(known)
  known = process.cpuUsage()
  const cpuMs = (user + system) / 1000
  process.send?.({ cpuMs, longestBlockMs: delay.max / 1e6, longestStretchMs } satisfies ServerSpent)
  delay.reset()
  longestStretchMs = 0
})
async function end(): Promise<void> {
  await host.stop()
  await server.stop()
  await audit.close()
  await stop()
  process.exit()
}
// Without a parent there is nobody to measure for.
process.on('disconnect', () => void end())
process.send?.(host.addresses()[0])
