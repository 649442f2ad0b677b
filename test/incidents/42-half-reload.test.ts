import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { KeyPair, randomBytes } from '../../src/curve/index.ts'
import type { Client } from '../../src/rpc/client/index.ts'
import { type Federation, federation, type TestNode, until } from '../integration/fixtures/nodes.ts'

/** web3signer #1073: a reload of the config took over one half of it, and nobody was told which. */
let fed: Federation
let first: TestNode
let second: TestNode
beforeAll(async () => {
  fed = await federation({ signers: 2, threshold: 2 })
  ;[first, second] = fed.nodes as [TestNode, TestNode]
  await until('the two to be connected', () => isLinked())
})
afterAll(() => fed?.stop())

/** There is nobody to be linked to before the set is made. */
const isLinked = (): boolean => first.status().members.find((m) => !m.self)?.connected === true
/** A denied member could not come back: a link that was being exchanged for another one may. */
const expectLet = () => until('the two to be connected still', () => isLinked())
const bridgeGrant = (methods: readonly string[], ...peers: readonly KeyPair[]) => ({
  bridge: peers.map((p) => ({ peer_id: p.peerId, methods })),
})
const ALL = ['hello', 'threshold.public_key', 'threshold.sign']
const signs = (client: Client) =>
  client.threshold.sign({ requestId: `r${Buffer.from(randomBytes(8)).toString('hex')}`, digest: randomBytes(32) })
const results = (node: TestNode) => node.logger.messages('warn').filter((m) => m.includes('not reloaded'))

describe('incident 42: a reload is all or nothing, with a report', () => {
  it('should apply nothing of a file that denies a member and also changes what needs a restart', async () => {
    first.rewrite({ p2p: { deny: [second.key.publicKey], announce: ['/ip4/127.0.0.1/tcp/4700'] } })
    await expect(first.admin('POST', '/reload')).rejects.toMatchObject({
      code: 'RELOAD_REFUSED',
      message: expect.stringMatching(/signer\.toml: p2p\.announce differs from what runs: it needs a restart/),
    })
    expect(first.status().lastReload).toMatchObject({
      result: 'needs_restart',
      changes: [],
      refusals: [{ key: 'p2p.announce' }],
    })
    await expectLet()
    expect(results(first).length).toBeGreaterThan(0)
  })

  it('should apply nothing of a file whose last line is wrong', async () => {
    first.rewrite({ p2p: { deny: [second.key.publicKey] } })
    writeFileSync(first.configFile, `${readFileSync(first.configFile, 'utf8')}\n[log]\nlevel = "loud"\n`)
    await expect(first.admin('POST', '/reload')).rejects.toMatchObject({ code: 'RELOAD_REFUSED' })
    expect(first.status().lastReload).toMatchObject({ result: 'invalid', changes: [] })
    await expectLet()
  })

  it("should apply nothing of a file that denies the node's own key", async () => {
    first.rewrite({ p2p: { deny: [second.key.publicKey, first.key.publicKey] } })
    await expect(first.admin('POST', '/reload')).rejects.toMatchObject({ code: 'RELOAD_REFUSED' })
    await expectLet()
  })

  it('should apply the whole of a good file: a denied member is gone at once and stays away', async () => {
    first.rewrite({ p2p: { deny: [second.key.publicKey] } })
    await first.admin('POST', '/reload')
    // The node may have seen the new file by itself already.
    expect(first.status().lastReload).toMatchObject({
      result: 'applied',
      changes: [{ key: 'p2p.deny', added: [second.key.peerId], removed: [] }],
      refusals: [],
    })
    expect(first.status().members.find((m) => !m.self)?.connected).toBe(false)
    const denied = () => first.status().denials.totals.denied_by_operator ?? 0
    await until('the other to dial and be denied', () => denied() > 0)
    expect(first.status().members.find((m) => !m.self)?.connected).toBe(false)
  })

  it('should apply a file by itself when it changes: the member is let in again', async () => {
    first.rewrite({})
    await until('the two to be connected again', () => isLinked())
    expect(first.status().lastReload).toMatchObject({ result: 'applied', trigger: expect.stringMatching(/file/) })
  })

  it('should take a method from a bridge on the stream that it has open, and a bridge its connection', async () => {
    await until('the key', () => first.status().key?.held === true)
    const client = await first.client()
    const other = KeyPair.generate()
    expect((await signs(client)).signature).toHaveLength(64)
    first.rewrite(bridgeGrant(['hello'], first.bridge))
    await first.node.reload()
    await expect(signs(client)).rejects.toMatchObject({ code: 'NOT_GRANTED' })
    expect((await client.hello()).methods).toEqual(['hello', 'health'])
    // Another bridge in its place: the first one's connection is closed, and it is admitted no more.
    first.rewrite(bridgeGrant(ALL, other))
    await first.node.reload()
    await expect(client.hello()).rejects.toMatchObject({ code: expect.stringMatching(/NOT_ADMITTED|DISCONNECTED/) })
    await client.close()
    first.rewrite({})
    await first.node.reload()
    const again = await first.client()
    expect((await signs(again)).signature).toHaveLength(64)
    await again.close()
  })

  it('should count every reload by its result', async () => {
    const metrics = await (await fetch(`${first.status().admin.url}/metrics`)).text()
    for (const result of ['applied', 'needs_restart', 'invalid'])
      expect(metrics).toMatch(new RegExp(`countersign_config_reloads_total\\{[^}]*result="${result}"[^}]*\\} [1-9]`))
  })
})
