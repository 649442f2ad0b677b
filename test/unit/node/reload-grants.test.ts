import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { systemClock } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { loadConfig } from '../../../src/node/config/index.ts'
import { Grants, tellUncounted } from '../../../src/node/grants.ts'
import type { NetworkParts } from '../../../src/node/network-parts.ts'
import { createReload } from '../../../src/node/reload-parts.ts'
import { PromMetrics } from '../../../src/status/index.ts'
import { MemoryLogger } from '../registry/support/ports.ts'
import { tempFolders } from '../store/temp-folder.ts'
import { configText } from './config-text.ts'

const tempFolder = tempFolders()
const SELF = KeyPair.generate().publicKey
const [A, B] = [KeyPair.generate().peerId, KeyPair.generate().peerId]
const METHODS = ['threshold.sign']
const bridge = (peer: string) => `[[bridge]]\npeer_id = "${peer}"\nmethods = ["threshold.sign"]\n`
const voting = (quorum: number, ...granted: readonly string[]) =>
  configText(SELF, {
    tail: `[signing]\nconsent_from = ["${A}", "${B}"]\nconsent_quorum = ${quorum}\n${granted.map(bridge).join('')}`,
  })

it('R27: a reload should take the grant of a voting bridge away, though no quorum is left, and say so', async () => {
  const file = join(tempFolder(), 'signer.toml')
  writeFileSync(file, voting(2, A, B))
  const config = await loadConfig(file, { methods: METHODS })
  const logger = new MemoryLogger()
  const grants = new Grants(config.bridges)
  const membership = { applyLists: async () => {}, applySeeds: () => {} }
  const parts = { gate: { state: { self: SELF } }, membership, grants } as unknown as NetworkParts
  const { reloader } = createReload(
    { config, clock: systemClock, logger, metrics: new PromMetrics() },
    { parts: () => parts, isReady: () => true },
  )
  await reloader.start()
  writeFileSync(file, voting(2, A))
  expect(await reloader.reload('admin')).toMatchObject({ result: 'applied' })
  expect(grants.authorize(B, 'threshold.sign')).toBe('not_granted')
  expect(JSON.stringify(logger.lines)).toMatch(new RegExp(`does not count.*${B}`))
  // With the same file it would not start.
  await expect(loadConfig(file, { methods: METHODS })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

it('R27: a start with a spare bridge that may not ask should say so once, and one without should say nothing', async () => {
  const file = join(tempFolder(), 'signer.toml')
  const logger = new MemoryLogger()
  writeFileSync(file, voting(1, A))
  tellUncounted(await loadConfig(file, { methods: METHODS }), logger)
  expect(logger.lines).toHaveLength(1)
  writeFileSync(file, voting(2, A, B))
  tellUncounted(await loadConfig(file, { methods: METHODS }), logger)
  expect(logger.lines).toHaveLength(1)
})
