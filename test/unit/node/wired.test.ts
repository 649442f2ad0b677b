import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { asTranscriptHash, silentLogger, u32be } from '../../../src/base/index.ts'
import { KeyPair, sha256 } from '../../../src/curve/index.ts'
import { parseConfig } from '../../../src/node/config/index.ts'
import { openFoundation } from '../../../src/node/foundation.ts'
import { HEALTH_CHECKS } from '../../../src/node/health-checks.ts'
import { createIdentityParts } from '../../../src/node/identity-parts.ts'
import { LookLoop } from '../../../src/node/look-loop.ts'
import { createReload } from '../../../src/node/reload-parts.ts'
import { createServing } from '../../../src/node/serving-parts.ts'
import { DROPS, type Envelope } from '../../../src/p2p/index.ts'
import { EnvelopeMessenger } from '../../../src/p2p/messenger.ts'
import { principalOf, type SignerSet } from '../../../src/registry/index.ts'
import { openShareVault, type ShareVault, type StoredShare } from '../../../src/signer/index.ts'
import { HealthBoard, type MetricShape } from '../../../src/status/index.ts'
import { createKeyFile, fileKeeper, writeIdentityFile } from '../../../src/store/index.ts'
import { signerSet } from '../../fixtures/sets.ts'
import { memorySpace } from '../../fixtures/space.ts'
import { dealKey } from '../crypto/signing-keys.ts'
import { tempFolders } from '../store/temp-folder.ts'

const PAGE = readFileSync(join(import.meta.dirname, '../../../docs/METRICS.md'), 'utf8')
const tempFolder = tempFolders()
const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  for (const end of ends.splice(0)) await end()
})

/** The parts of a node, wired as a signer's are, with every listener that a config can ask for. */
async function wired(key = KeyPair.generate(), next?: KeyPair) {
  const dir = tempFolder()
  const file = join(dir, 'signer.toml')
  const unlock = { kind: 'identity', file: join(dir, 'identity') } as const
  await writeIdentityFile(unlock.file)
  await createKeyFile(join(dir, 'signer.key'), key, unlock)
  if (next !== undefined) await createKeyFile(join(dir, 'next.key'), next, unlock)
  const config = parseConfig(
    `data_dir = "data"
[identity]
key_file = "signer.key"
public_key = "${key.publicKey}"
identity_file = "identity"
${next === undefined ? '' : `next_key_file = "next.key"\nnext_public_key = "${next.publicKey}"`}
[registry]
network = "testnet"
chain_id = 2147483648
contract = "ST000000000000000000002AMW42H.sbtc-registry"
endpoints = ["http://127.0.0.1:9"]
observer_listen = "127.0.0.1:0"
[p2p]
listen = ["/ip4/127.0.0.1/tcp/0"]
`,
    file,
    { methods: [] },
  )
  // As after an earlier run: a first start would ask the chain.
  await fileKeeper(join(config.dataDir, 'registry-snapshot.json')).save(new Uint8Array(1))
  const base = await openFoundation(config, silentLogger, () => {})
  const parts = await createIdentityParts(base, () => {})
  const { network, signing, evidence } = parts
  ends.push(async () => {
    await network.host.stop()
    await evidence.file.stop()
    await base.close()
  })
  const health = new HealthBoard({ clock: base.clock, expected: HEALTH_CHECKS, metrics: base.metrics })
  const { reloader } = createReload(base, { parts: () => network, isReady: () => true })
  await createServing(base, { parts, isMoving: false }, health, reloader)
  // The loop of looks registers its own; it is not started.
  new LookLoop({ intervalMs: 1_000, looks: [], ...base })
  return { base, network, signing, parts }
}

async function registered(): Promise<readonly MetricShape[]> {
  const { base, network } = await wired()
  await network.host.start()
  return base.metrics.shapes()
}

/** Rows of the page's tables that begin with a metric's name. */
const rows = [...PAGE.matchAll(/^\| `(countersign_\w+)` \| (\w+) \| (.*?) \| (.+?) \| (.+?) \|$/gm)].map(
  ([, name, kind, labels = '', meaning, action]) => ({
    ...{ name, kind, meaning, action },
    labels: [...labels.matchAll(/`(\w+)`/g)].map((m) => m[1]),
  }),
)

it('docs/METRICS.md should list exactly what a node registers, with its kind and labels', async () => {
  const known = (await registered()).map(({ name, kind, labels }) => ({ name, kind, labels: [...labels] }))
  const listed = rows.map(({ name, kind, labels }) => ({ name, kind, labels }))
  expect(listed.toSorted((a, b) => ((a.name ?? '') < (b.name ?? '') ? -1 : 1))).toEqual(known)
})
it('docs/METRICS.md should say of each what it means and what to do', () => {
  for (const { name, meaning = '', action = '' } of rows) {
    expect(meaning.length, name).toBeGreaterThan(10)
    expect(action.trim().length, name).toBeGreaterThan(1)
  }
})
it('docs/METRICS.md should name every reason for which a message is dropped', () => {
  for (const reason of Object.keys(DROPS)) expect(PAGE).toContain(`\`${reason}\``)
})
it('docs/METRICS.md should explain every health check: what green means, when it turns red, and what to do', () => {
  const checks = [...PAGE.matchAll(/^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)]
  expect(checks.map(([, name]) => name)).toEqual(HEALTH_CHECKS)
  for (const [, name, ...cells] of checks) for (const cell of cells) expect(cell.length, name).toBeGreaterThan(30)
})

it('R17: the wired node should refuse to sign once its key speaks elsewhere', async () => {
  const { network, signing, base } = await wired()
  const item = { digest: new Uint8Array(32).fill(1), tweak: { kind: 'none' } } as const
  const ask = () => signing.threshold.sign(network.host.peerId, 'aa', [item], base.clock.now() + 1_000)
  expect(await ask()).toMatchObject({ code: 'NOT_A_SIGNER' })
  network.elsewhere.heard(5)
  expect(await ask()).toMatchObject({ code: 'KEY_IN_USE_ELSEWHERE' })
})

it('should leave no key threads behind when it stops', async () => {
  const { signing, parts } = await wired()
  await parts.links.start()
  await parts.rounds.start()
  await parts.rounds.stop()
  const group = { members: [], threshold: 2 }
  const material = { group, self: KeyPair.generate().publicKey, dealings: [], shares: new Uint8Array(32).fill(1) }
  await expect(signing.threads(material)).rejects.toMatchObject({ code: 'STOPPED' })
  expect(material.shares).toEqual(new Uint8Array(32))
})

describe('R17: the wired node whose key speaks elsewhere', () => {
  const tip = { indexBlockHash: '22'.repeat(32), stacksHeight: 7, burnHeight: 7 }
  type Parts = Awaited<ReturnType<typeof wired>>

  /** Everything that is published with any of the node's keys from here on. */
  function listen(): { readonly speaker: EnvelopeMessenger; readonly step: string }[] {
    const said: { speaker: EnvelopeMessenger; step: string }[] = []
    vi.spyOn(EnvelopeMessenger.prototype, 'publish').mockImplementation(function (
      this: EnvelopeMessenger,
      _,
      { step },
    ) {
      said.push({ speaker: this, step })
      return Promise.resolve({ wire: new Uint8Array(0) } as Envelope)
    })
    return said
  }
  function holding({ base, network }: Parts, plain: SignerSet): void {
    const set = { ...plain, principal: principalOf(2147483648, plain.keys, plain.threshold) }
    vi.spyOn(base.watcher, 'latest').mockReturnValue({ kind: 'set', set, tip, readAtMs: 0 })
    vi.spyOn(base.watcher, 'stale').mockReturnValue(false)
    network.gate.applySnapshot({ kind: 'set', set, tip, readAtMs: 0 })
  }

  it.each(['its own key', 'its next key'])('R17: should say nothing more of a rotation with %s', async (which) => {
    const next = KeyPair.generate()
    const parts = await wired(undefined, next)
    const { network, signing, base } = parts
    const others = [KeyPair.generate(), KeyPair.generate()]
    holding(parts, signerSet([base.key.keyPair, ...others], 2))
    const said = listen()
    const isOfThis = (by: EnvelopeMessenger) => (by === network.host.messenger) === (which === 'its own key')
    const ofThis = () => said.filter(({ speaker }) => isOfThis(speaker)).map(({ step }) => step)
    await signing.reconciler.start()
    try {
      const keys = [next.publicKey, ...others.map((o) => o.publicKey)].toSorted()
      await signing.reconciler.approve({ keys, threshold: 2, attempt: 1 })
      // It repeats itself.
      await expect
        .poll(() => ofThis().filter((step) => step === 'approve').length, { timeout: 10_000 })
        .toBeGreaterThan(1)
      network.elsewhere.heard(5)
      await expect.poll(() => signing.reconciler.status()?.action).toMatchObject({ for: 'restart' })
      said.length = 0
      await new Promise((resolve) => setTimeout(resolve, 2_500))
      expect(ofThis()).toEqual([])
    } finally {
      await signing.reconciler.stop()
    }
  })

  it('R17: should leave the rounds of its active key', async () => {
    const dealt = dealKey(2, 3)
    const owner = KeyPair.fromSecret(sha256(u32be(1)))
    const key = dealt.keys.get(owner.publicKey)
    if (key === undefined) throw new Error('fixture')
    const share: StoredShare = {
      transcript: asTranscriptHash('66'.repeat(32)),
      epoch: 0,
      key,
      certificate: new Uint8Array(1),
    }
    const parts = await wired(owner)
    const { network, signing } = parts
    const { sealer } = parts.base.key
    const ports = { epochs: memorySpace(), logger: silentLogger, isCertified: () => true }
    const vault = await openShareVault({ dir: tempFolder(), sealer, owner: owner.publicKey, ...ports })
    // A share that was certified in a keygen would say the same.
    const vaults = Object.getPrototypeOf(vault) as ShareVault
    vi.spyOn(vaults, 'byGroupKey').mockReturnValue(share)
    const keys = [1, 2, 3].map((i) => KeyPair.fromSecret(sha256(u32be(i))))
    const { groupKey } = dealt.public
    holding(parts, { ...signerSet(keys, 2), groupKey })
    listen()
    const item = { digest: new Uint8Array(32).fill(1), tweak: { kind: 'none' } } as const
    const request = { requestId: 'aa', groupKey, items: [item] }
    const ask = () => signing.sign.sign(request, parts.base.clock.now() + 200)
    try {
      expect(await ask()).toMatchObject({ code: 'TIMEOUT' })
      network.elsewhere.heard(5)
      expect(await ask()).toMatchObject({ code: 'NO_KEY' })
    } finally {
      await signing.sign.stop()
    }
  })
})

it('R9: the wired node should let the gate hear of a recall before any driver does', async () => {
  const { network, signing, base } = await wired()
  const own = base.key.keyPair
  const [old, current] = ['11', '22'].map((h) => signerSet([own, KeyPair.generate()], 2, h.repeat(32))) as [
    SignerSet,
    SignerSet,
  ]
  const tip = { indexBlockHash: '22'.repeat(32), stacksHeight: 7, burnHeight: 7 }
  const latest = vi.spyOn(base.watcher, 'latest')
  for (const set of [old, current]) {
    latest.mockReturnValue({ kind: 'set', set, tip, readAtMs: 0 })
    signing.recalls.note({ kind: 'set', set, tip, readAtMs: 0 })
  }
  const admitted: string[][] = []
  const apply = signing.recalled.apply.bind(signing.recalled)
  vi.spyOn(signing.recalled, 'apply').mockImplementation((sets) => {
    admitted.push([...network.gate.state.recalled.keys()])
    apply(sets)
  })
  await signing.recalls.recall(old.hash)
  await signing.recalls.withdraw(old.hash)
  expect(admitted).toEqual([[old.hash], []])
  await signing.recalls.stop()
})
