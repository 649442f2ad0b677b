import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { codeOf, silentLogger, toHex } from '../../src/base/index.ts'
import { KeyPair } from '../../src/curve/index.ts'
import { Grants } from '../../src/node/grants.ts'
import type { BridgeGrant } from '../../src/node/index.ts'
import { METHOD_NAMES } from '../../src/rpc/index.ts'
import { type AuditEntry, openAuditLog, parseAuditEntry } from '../../src/signer/index.ts'
import { journalFilesIn, readJournalFile } from '../../src/store/index.ts'
import { homeIn, messageOf, OWN_KEY, others } from '../unit/signer/s2/service-fixtures.ts'
import { tempFolders } from '../unit/store/temp-folder.ts'
import { s2Node } from './s2-node.ts'

const tempFolder = tempFolders()
const [reader, wallet, exporter, nobody] = [0, 1, 2, 3].map(() => KeyPair.generate()) as [
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
]
const SERVED = METHOD_NAMES.filter((m) => /^(schnorr|p2p|musig2|preimages|wots)\./.test(m))

const grant = ({ peerId }: KeyPair, more: Partial<BridgeGrant>): BridgeGrant => ({
  ...{ peerId, methods: [], keys: ['threshold', 's2/*'], quota: {}, allowSecretExport: false, allowRawSign: false },
  ...more,
})
/** What four clients of one operator may do. */
const GRANTS: readonly BridgeGrant[] = [
  grant(reader, { methods: ['hello', 'schnorr.public_key', 'wots.get_128_public_key', 'wots.get_128_secret_key'] }),
  grant(wallet, { methods: ['hello', ...SERVED], keys: ['s2/general'] }),
  grant(exporter, { methods: ['hello', ...SERVED], allowSecretExport: true }),
  grant(nobody, { methods: ['hello'] }),
]

const HEX = toHex(messageOf(1))
const PLACE = { txid: HEX, vout: 1, index: 2 }
const MUSIG = { ordered_pubkeys: [OWN_KEY, ...others(1)].map(toHex), tweak: { kind: 'script' }, sighash: HEX }
/** One call of every kind, and who of the four may do it. */
const CALLS: readonly (readonly [method: string, params: object, allowed: readonly KeyPair[]])[] = [
  ['schnorr.public_key', { target: 'general' }, [reader, wallet, exporter]],
  ['schnorr.public_key', { target: 'stakechain' }, [reader, exporter]],
  ['schnorr.sign', { target: 'general', digest: HEX }, [wallet, exporter]],
  ['schnorr.sign', { target: 'musig2', digest: HEX }, [exporter]],
  ['schnorr.sign_no_tweak', { target: 'stakechain', digest: HEX }, [exporter]],
  ['p2p.sign', { scheme: 'bip340', message: '' }, [exporter]],
  ['musig2.get_pub_nonce', MUSIG, [exporter]],
  ['preimages.get_preimage', { prestake_txid: HEX, prestake_vout: 0, stake_index: 0 }, [exporter]],
  ['wots.get_128_public_key', PLACE, [reader, exporter]],
  ['wots.get_256_public_key', PLACE, [exporter]],
  ['wots.get_256_signature', { ...PLACE, message: HEX }, [exporter]],
  // Listed for three of them, and of no use without the right to export.
  ['wots.get_128_secret_key', PLACE, [exporter]],
]

async function audited(dir: string): Promise<AuditEntry[]> {
  return (await journalFilesIn(dir, 'audit')).flatMap((path) =>
    readJournalFile('audit', readFileSync(path), path).lines.flatMap(({ payload }) => parseAuditEntry(payload) ?? []),
  )
}

describe('incident 21: clients of one operator with rights of their own', () => {
  it('should let each client do what is granted to it, of the keys that are granted, and nothing else; each decision has a line', async () => {
    const home = homeIn(tempFolder())
    const dir = join(home.dir, 'audit')
    const signer = KeyPair.generate()
    const audit = await openAuditLog({ dir, signer, logger: silentLogger })
    const grants = new Grants(GRANTS)
    const clients = [reader, wallet, exporter, nobody]
    const node = await s2Node(home, clients, {}, { key: signer, authorize: grants.authorize, audit })
    const numberOf = (peer: string) => clients.findIndex(({ peerId }) => peerId === peer)
    const found: string[] = []
    const expected: string[] = []
    for (const key of clients) {
      const client = await node.client(key)
      for (const [method, params, allowed] of CALLS) {
        const outcome = await client.call(method, params).then(() => 'ok', codeOf)
        found.push(`${clients.indexOf(key)} ${method} ${outcome}`)
        expected.push(`${clients.indexOf(key)} ${method} ${allowed.includes(key) ? 'ok' : 'NOT_GRANTED'}`)
      }
    }
    expect(found).toEqual(expected)
    await node.stop()
    await audit.close()
    const entries = await audited(dir)
    const served = entries.filter(({ outcome }) => outcome === 'ok')
    // What only reads public keys is no decision to be written down when it is served.
    expect(served.map(({ client, method, outcome }) => `${numberOf(client)} ${method} ${outcome}`)).toEqual(
      expected.filter((line) => line.endsWith(' ok') && !line.includes('public_key')),
    )
    // The first refusals of a client have a line each, and the others of that minute are counted in one.
    for (const [i, { peerId }] of clients.entries()) {
      const own = entries.filter(({ client }) => client === peerId)
      const lines = own.filter(({ outcome }) => outcome === 'NOT_GRANTED').length
      const counted = own.reduce((sum, { refusedItems }) => sum + (refusedItems.NOT_GRANTED ?? 0), 0)
      const refused = expected.filter((line) => line.startsWith(`${i} `) && line.endsWith('NOT_GRANTED')).length
      expect([lines > 0, lines + counted]).toEqual([refused > 0, refused])
    }
  })

  it('should take a right away from streams that are open', async () => {
    const grants = new Grants(GRANTS)
    await using node = await s2Node(homeIn(tempFolder()), [exporter], {}, { authorize: grants.authorize })
    const client = await node.client(exporter)
    const ask = () => client.call('schnorr.sign', { target: 'general', digest: HEX }).then(() => 'ok', codeOf)
    expect(await ask()).toBe('ok')
    grants.replace([])
    expect(await ask()).toBe('NOT_GRANTED')
  })
})
