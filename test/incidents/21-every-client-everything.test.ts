import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { noMetrics, silentLogger, systemClock } from '../../src/base/index.ts'
import { KeyPair } from '../../src/curve/index.ts'
import { Gate } from '../../src/gating/index.ts'
import { parseConfig } from '../../src/node/config/index.ts'
import type { Foundation } from '../../src/node/foundation.ts'
import { Grants } from '../../src/node/grants.ts'
import { KeyElsewhere } from '../../src/node/liveness/index.ts'
import type { NetworkParts } from '../../src/node/network-parts.ts'
import { makeSeed, newSeed } from '../../src/node/new-seed.ts'
import { type OperatorParts, openSeedOf, startOperatorParts } from '../../src/node/operator-parts.ts'
import { createRpc } from '../../src/node/serving-parts.ts'
import type { SigningParts } from '../../src/node/signing-parts.ts'
import {
  encodeRequest,
  fromJson,
  METHOD_NAMES,
  METHODS,
  type Method,
  type MethodRow,
  QUOTA_CLASSES,
  type RequestDesc,
  type ResponseDesc,
  toJson,
} from '../../src/rpc/index.ts'
import { AUDIT_JOURNAL, type AuditEntry, parseAuditEntry } from '../../src/signer/index.ts'
import {
  createKeyFile,
  journalFilesIn,
  openKeyFile,
  openStore,
  readJournalFile,
  type Store,
  writeIdentityFile,
} from '../../src/store/index.ts'
import { SCOPE } from '../fixtures/sets.ts'
import { configText } from '../unit/node/config-text.ts'
import { BRIDGE, MEMBER, MemoryNetwork, type MemoryStream } from '../unit/rpc/harness.ts'
import { answer } from '../unit/rpc/server-harness.ts'
import { tempFolders } from '../unit/store/temp-folder.ts'

const folder = tempFolders()
const TXID = '11'.repeat(32)
const WOTS = { txid: TXID, vout: 0, index: 0 }
const DIGEST = '22'.repeat(32)

let dir: string
let operator: OperatorParts
let store: Store
let stream: MemoryStream
let ends: (() => Promise<void>)[]
let ids: number
beforeEach(() => {
  dir = folder()
  ends = []
  ids = 1
})
afterEach(async () => {
  for (const end of ends.reverse()) await end()
})

/** A node's services over a real seed, store, key service and audit log, for a config with these `[[bridge]]` sections. */
async function serve(bridges: string): Promise<void> {
  const unlock = { kind: 'identity', file: join(dir, 'pass') } as const
  await writeIdentityFile(unlock.file)
  const key = KeyPair.generate()
  await createKeyFile(join(dir, 'signer.key'), key, unlock)
  const seed = await newSeed(undefined, true)
  const places = { seedFile: join(dir, 's2.seed'), instanceFile: join(dir, 's2.instance') }
  await makeSeed(seed, places, key.publicKey, unlock)
  const text = configText(key.publicKey, {
    tail: `[s2]\nseed_file = "s2.seed"\npublic_key = "${seed.publicKey}"\n${bridges}`,
  }).replace('passphrase_file', 'identity_file')
  const context = { methods: METHOD_NAMES, quotaClasses: QUOTA_CLASSES }
  const config = parseConfig(text, join(dir, 'signer.toml'), context)
  const ports = { clock: systemClock, logger: silentLogger, metrics: noMetrics }
  const own = await openKeyFile(join(dir, 'signer.key'), unlock)
  store = openStore({ dir: join(config.dataDir, 'store'), logger: silentLogger, onFatal: () => {} })
  await store.start()
  ends.push(() => store.stop())
  const keys = { own, next: undefined }
  const opened = await openSeedOf(config)
  operator = await startOperatorParts({ ...ports, config, key: own, keys, seed: opened, store, onFatal: () => {} })
  ends.push(() => operator.stop())
  const net = new MemoryNetwork()
  const rpc = createRpc(
    { ...ports, config, key: own, keys, operator } as Partial<Foundation> as Foundation,
    {
      gate: new Gate({ ...ports, registryScope: SCOPE, self: key.publicKey, bridges: [BRIDGE.peerId], denied: [] }),
      host: { peerId: key.peerId, streams: net.server },
      grants: new Grants(config.bridges),
      elsewhere: new KeyElsewhere(ports),
    } as Partial<NetworkParts> as NetworkParts,
    { activeKey: () => undefined, threshold: {}, policy: { kind: 'bridge' } } as unknown as SigningParts,
  )
  await rpc.start()
  stream = await net.open()
  ends.push(async () => {
    await stream.close()
    await rpc.stop()
  })
}

/** The answer as JSON, or the code of the refusal. */
async function call<M extends Method>(method: M, params: unknown): Promise<unknown> {
  const row: MethodRow<RequestDesc<M>, ResponseDesc<M>> = METHODS[method]
  await stream.write(encodeRequest(ids++, method, row.request.encode(fromJson(row.request, params)), 0))
  const frame = await answer(stream)
  if (frame.kind === 'error') return frame.error.code
  return frame.kind === 'result' ? toJson(row.response, row.response.decode(frame.result, 'refuse')) : frame.kind
}

/** What was written down, as its methods and outcomes; the log's files are read, not the process. */
async function recorded(): Promise<readonly string[]> {
  const files = await journalFilesIn(join(dir, 'data', 'audit'), AUDIT_JOURNAL)
  return files
    .flatMap((path) => readJournalFile(AUDIT_JOURNAL, Uint8Array.from(readFileSync(path)), path).lines)
    .map((line) => parseAuditEntry(line.payload))
    .filter((entry): entry is AuditEntry => entry !== undefined)
    .map(({ client, method, key, outcome }) => `${client === BRIDGE.peerId} ${method} ${key ?? '-'} ${outcome}`)
}

const granting = (methods: string, more = '') =>
  `[[bridge]]\npeer_id = "${BRIDGE.peerId}"\nmethods = [${methods}]\n${more}`

describe('incident 21: every client may do everything', () => {
  it('should answer what is granted, refuse all else, and have a line on disk for each', async () => {
    await serve(granting('"schnorr.sign_no_tweak"'))
    expect(await call('schnorr.sign_no_tweak', { target: 'general', digest: DIGEST })).toHaveProperty('signature')
    expect(await call('wots.get_128_signature', { ...WOTS, message: '00'.repeat(16) })).toBe('NOT_GRANTED')
    expect(await call('preimages.get_preimage', { prestake_txid: TXID, prestake_vout: 0, stake_index: 0 })).toBe(
      'NOT_GRANTED',
    )
    expect(await recorded()).toEqual([
      'true schnorr.sign_no_tweak s2/general ok',
      'true wots.get_128_signature s2/wots NOT_GRANTED',
      'true preimages.get_preimage s2/preimages NOT_GRANTED',
    ])
  })

  it('should refuse a granted method for a key that is not', async () => {
    await serve(granting('"schnorr.*"', 'keys = ["s2/stakechain"]\n'))
    const params = { digest: DIGEST }
    expect(await call('schnorr.sign_no_tweak', { ...params, target: 'stakechain' })).toHaveProperty('signature')
    expect(await call('schnorr.sign_no_tweak', { ...params, target: 'general' })).toBe('NOT_GRANTED')
    expect(await call('schnorr.sign_no_tweak', { ...params, target: 'musig2' })).toBe('NOT_GRANTED')
  })

  it('should give no secret out without the right to secrets, though the method is granted; R34: nor bind its key', async () => {
    await serve(granting('"wots.*"'))
    expect(await call('wots.get_128_secret_key', WOTS)).toBe('NOT_GRANTED')
    expect(await call('wots.get_128_signature', { ...WOTS, message: '00'.repeat(16) })).toHaveProperty('signature')
    expect(await recorded()).toEqual([
      'true wots.get_128_secret_key s2/wots NOT_GRANTED',
      'true wots.get_128_signature s2/wots ok',
    ])
  })

  it('should give one out with that right', async () => {
    await serve(granting('"wots.*"', 'allow_secret_export = true\n'))
    expect(await call('wots.get_128_secret_key', WOTS)).toHaveProperty('secret_key')
  })

  it('should let keys of the key service be used by name only, and sign what is raw by a right of its own', async () => {
    await serve(granting('"keys.*"', 'keys = ["keys/mine"]\n'))
    const spec = { type: 'secp256k1', role: 'test', capabilities: ['sign'] }
    expect(await call('keys.generate', { ...spec, name: 'other' })).toBe('NOT_GRANTED')
    expect(await call('keys.generate', { ...spec, name: 'mine' })).toHaveProperty('name', 'mine')
    const asked = { name: 'mine', scheme: 'schnorr' }
    expect(
      await call('keys.sign', { ...asked, message: { kind: 'message', domain: 'test', message: 'ab' } }),
    ).toHaveProperty('signature')
    expect(await call('keys.sign', { ...asked, message: { kind: 'raw', digest: DIGEST } })).toBe('NOT_GRANTED')
  })

  it('should refuse everything to whom no section names', async () => {
    await serve(`[[bridge]]\npeer_id = "${MEMBER.peerId}"\nmethods = ["schnorr.*", "wots.*", "keys.*"]\n`)
    expect(await call('schnorr.sign_no_tweak', { target: 'general', digest: DIGEST })).toBe('NOT_GRANTED')
    expect(await call('schnorr.public_key', { target: 'general' })).toBe('NOT_GRANTED')
    expect(await call('keys.list', {})).toBe('NOT_GRANTED')
  })

  it('should answer nothing that could not be written down', async () => {
    await serve(granting('"schnorr.*"'))
    await operator.audit.close()
    expect(await call('schnorr.sign_no_tweak', { target: 'general', digest: DIGEST })).toBe('INTERNAL')
    expect(await call('schnorr.public_key', { target: 'general' })).toHaveProperty('public_key')
  })

  it('should take requests of a class as its quota says', async () => {
    await serve(granting('"schnorr.*"', 'quota = { s2 = 1 }\n'))
    const outcomes: unknown[] = []
    for (let i = 0; i < 12; i++)
      outcomes.push(await call('schnorr.sign_no_tweak', { target: 'general', digest: DIGEST }))
    expect(outcomes[0]).toHaveProperty('signature')
    expect(outcomes.at(-1)).toBe('OVERLOADED')
  })
})
