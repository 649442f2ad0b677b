import { afterEach } from 'vitest'
import { createRegistryWatcher, type RegistryWatcherInit } from '../../../../src/registry/index.ts'
import { FakeNode } from './fake-node.ts'
import { REGISTRY } from './fixtures.ts'
import { MemoryKeeper } from './ports.ts'

type Three = [FakeNode, FakeNode, FakeNode]

/** Endpoints, and watchers that read them when they are told to; all is stopped after each test of the file that calls this. */
export function watchedNodes(usual: Partial<RegistryWatcherInit> = {}) {
  const cleanup: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const undo of cleanup.splice(0).reverse()) await undo()
  })
  return {
    three: async (): Promise<Three> => {
      const made = await Promise.all([0, 1, 2].map(() => new FakeNode().start()))
      for (const node of made) cleanup.push(() => node.stop())
      return made as Three
    },
    /** Of the nodes, two of three must agree unless said. */
    watching: async (over: readonly FakeNode[], init: Partial<RegistryWatcherInit> = {}) => {
      const keeper = new MemoryKeeper()
      const watcher = createRegistryWatcher({
        registryId: REGISTRY,
        endpoints: over.map((n) => n.url),
        quorum: Math.floor(over.length / 2) + 1,
        confirmations: 0,
        pollIntervalMs: 600_000,
        minReadIntervalMs: 1,
        callTimeoutMs: 20_000,
        keeper,
        ...usual,
        ...init,
      })
      cleanup.push(() => watcher.stop())
      await watcher.start()
      return { watcher, keeper, read: () => watcher.readNow() }
    },
  }
}
