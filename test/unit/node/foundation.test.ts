import { rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { silentLogger } from '../../../src/base/index.ts'
import { type NodeConfig, parseConfig } from '../../../src/node/config/index.ts'
import { type Foundation, openFoundation } from '../../../src/node/foundation.ts'
import { KnownSets } from '../../../src/rotation/index.ts'
import { createKeyFile, writeIdentityFile } from '../../../src/store/index.ts'
import { block, FakeNode } from '../registry/support/fake-node.ts'
import { AGGREGATE_2, goodTuple, keyPair, REGISTRY, signerData } from '../registry/support/fixtures.ts'
import { tempFolders } from '../store/temp-folder.ts'

const SELF = keyPair(4)
const BEFORE = block('before', 5, signerData(goodTuple(3)))
/** From here on SELF is in the set. */
const JOINED = block('joined', 7, signerData(goodTuple(4, 1, AGGREGATE_2)))

const tempFolder = tempFolders()
const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** A node's config, and two endpoints of which both must agree. */
async function made() {
  const dir = tempFolder()
  const over = await Promise.all([1, 2].map(() => new FakeNode().start()))
  for (const node of over) {
    node.push(BEFORE, JOINED)
    ends.push(() => node.stop())
  }
  const unlock = { kind: 'identity', file: join(dir, 'identity') } as const
  await writeIdentityFile(unlock.file)
  await createKeyFile(join(dir, 'signer.key'), SELF, unlock)
  const config = parseConfig(
    `[identity]
key_file = "signer.key"
public_key = "${SELF.publicKey}"
identity_file = "identity"
[registry]
network = "${REGISTRY.network}"
chain_id = ${REGISTRY.chainId}
contract = "${REGISTRY.contract}"
endpoints = ${JSON.stringify(over.map((n) => n.url))}
quorum = 2
[p2p]
listen = ["/ip4/127.0.0.1/tcp/0"]
`,
    join(dir, 'signer.toml'),
    { methods: [] },
  )
  return { over, config }
}

/** Runs on the foundation as a node does: what is seen becomes known. */
async function on(config: NodeConfig, work: (base: Foundation) => Promise<void>): Promise<void> {
  const base = await openFoundation(config, silentLogger, () => {})
  try {
    const space = base.store.space('sets')
    const known = await KnownSets.load({ self: SELF.publicKey, registryId: REGISTRY, space })
    const noted: Promise<void>[] = []
    base.watcher.changes.on((snapshot) => {
      if (snapshot.kind === 'set') noted.push(known.note({ ...snapshot, seenAtMs: 0 }, () => false))
    })
    await base.watcher.start()
    await work(base)
    await base.watcher.stop()
    await Promise.all(noted)
  } finally {
    await base.close()
  }
}

it.each<[string, (file: string) => void]>([
  ['can not be read', (file) => truncateSync(file, 20)],
  ['is gone', (file) => rmSync(file)],
])(
  'R4: should not take the set before its own from a quorum that lags, where the stored snapshot %s',
  async (_, spoil) => {
    const { over, config } = await made()
    await on(config, async ({ watcher }) => {
      expect(await watcher.readNow()).toMatchObject({ tip: { stacksHeight: 7 }, set: { threshold: 3 } })
    })
    spoil(join(config.dataDir, 'registry-snapshot.json'))
    for (const node of over) {
      node.blocks.delete(JOINED.id)
      node.tip = BEFORE
    }
    await on(config, async ({ watcher }) => {
      await expect(watcher.readNow()).rejects.toMatchObject({ code: 'height_went_back' })
      expect([watcher.latest(), watcher.health().lastReadAtMs]).toEqual([undefined, undefined])
      for (const node of over) node.push(JOINED)
      expect(await watcher.readNow()).toMatchObject({ tip: { stacksHeight: 7 }, set: { threshold: 3 } })
    })
  },
)
