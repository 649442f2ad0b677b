import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { CodedError } from '../../../src/base/index.ts'
import { parsePublicKey, peerIdOfKey } from '../../../src/curve/index.ts'
import { loadConfig, parseConfig, uncountedOf } from '../../../src/node/config/index.ts'

const KEY_A = '02007311430123d4cad97f4f7e86e023b28143130a18099ecf094d36fef0f6135c'
const KEY_B = '031a4d9f4903da97498945a4e01a5023a1d53bc96ad670bfe03adf8a06c52e6380'
const KEY_C = '035249137286c077ccee65ecc43e724b9b9e5a588e3d7f51e3b62f9624c2a49e46'
const PEER_C = peerIdOfKey(parsePublicKey(KEY_C))
const PEER = '16Uiu2HAm46BSFWYYWzMjhTRDRwXHpDWpQ32iu93nzDwd1F4Tt256'
const PEER_KEY = '0280badf5208c6a1cdcd90ead9ee3af7fcd8f75fb80342cf31f015af61100d3809'
const CONTRACT = 'SN3R84XZYA63QS28932XQF3G1J8R9PC3W76P9CSQS.sbtc-registry'
const MAINNET_CONTRACT = 'SM3VDXK3WZZSA84XXFKAFAF15NNZX32CTSG82JFQ4.sbtc-registry'
const METHODS = ['hello', 'threshold.public_key', 'threshold.sign']
const FILE = '/etc/countersign/signer.toml'

/** Lines of a good config by `section.key`; tests replace, remove or add some. */
const GOOD: Readonly<Record<string, string>> = {
  'identity.key_file': '"signer.key"',
  'identity.public_key': `"${KEY_A}"`,
  'identity.passphrase_file': '"signer.passphrase"',
  'registry.network': '"testnet"',
  'registry.chain_id': '2147483648',
  'registry.contract': `"${CONTRACT}"`,
  'registry.endpoints': '["http://127.0.0.1:20443"]',
  'p2p.listen': '["/ip4/127.0.0.1/tcp/4700"]',
}

type Changes = Readonly<Record<string, string | undefined>>
function toml(changes: Changes = {}, extra = ''): string {
  const sections = new Map<string, string[]>()
  for (const [path, value] of Object.entries({ ...GOOD, ...changes })) {
    if (value === undefined) continue
    const section = path.slice(0, Math.max(0, path.lastIndexOf('.')))
    const key = path.slice(path.lastIndexOf('.') + 1)
    sections.set(section, [...(sections.get(section) ?? []), `${key} = ${value}`])
  }
  const root = sections.get('') ?? []
  sections.delete('')
  const rest = [...sections].map(([name, lines]) => `[${name}]\n${lines.join('\n')}`)
  return [...root, ...rest, extra].join('\n')
}
const parse = (changes: Changes = {}, extra = '') =>
  parseConfig(toml(changes, extra), FILE, { methods: METHODS, quotaClasses: ['read', 'sign'] })

function refusal(changes: Changes, extra = ''): CodedError {
  try {
    parse(changes, extra)
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
  throw new Error('the config was accepted')
}

const MAINNET: Changes = {
  'registry.network': '"mainnet"',
  'registry.chain_id': '1',
  'registry.contract': `"${MAINNET_CONTRACT}"`,
  'registry.endpoints': '["https://a.example", "https://b.example"]',
}
const nextKey = (changes: Changes = {}): Changes => ({
  'identity.next_key_file': '"next.key"',
  'identity.next_public_key': `"${KEY_B}"`,
  ...changes,
})
const bridge = (peer: string, methods: string) => `[[bridge]]\npeer_id = "${peer}"\nmethods = ${methods}\n`
const backup = (peer: string) => `[[backup]]\npeer_id = "${peer}"\n`

describe('a good config', () => {
  it('should fill in every default', () => {
    expect(parse()).toEqual({
      file: FILE,
      dataDir: '/etc/countersign/data',
      identity: {
        keyFile: '/etc/countersign/signer.key',
        publicKey: KEY_A,
        unlock: { kind: 'passphrase', file: '/etc/countersign/signer.passphrase' },
        next: undefined,
        exitOnRemoval: false,
        exitOnRemovalAfterMs: 3_600_000,
      },
      registry: {
        id: { network: 'testnet', chainId: 2147483648, contract: CONTRACT },
        endpoints: ['http://127.0.0.1:20443'],
        quorum: 1,
        pollIntervalMs: 10_000,
        maxAgeMs: 3_600_000,
        onStale: 'freeze',
        bootstrap: undefined,
        observerListen: undefined,
        confirmations: 0,
      },
      p2p: {
        listen: ['/ip4/127.0.0.1/tcp/4700'],
        announce: [],
        transports: ['tcp', 'quic'],
        seeds: [],
        deny: [],
        mdns: false,
        nat: undefined,
      },
      signing: {
        ...{ policy: 'bridge', requestTtlMs: 3_600_000, consent: undefined, validator: undefined },
        coordinatorDelayMs: 1_000,
      },
      s2: undefined,
      bridges: [],
      backups: [],
      rotation: { approvalTtlMs: 86_400_000, feeUstx: undefined },
      admin: { socketPath: '/etc/countersign/data/admin.sock', listen: undefined, tokenFile: undefined },
      log: { level: 'info' },
      settings: expect.any(Map),
    })
  })

  it("should resolve relative paths against the file's folder and leave absolute ones", () => {
    const config = parse({
      data_dir: '"../state"',
      'identity.key_file': '"/keys/signer.key"',
      'identity.passphrase_file': undefined,
      'identity.identity_file': '"keys/../id.age"',
    })
    expect(config.dataDir).toBe('/etc/state')
    expect(config.admin.socketPath).toBe('/etc/state/admin.sock')
    expect(config.identity.keyFile).toBe('/keys/signer.key')
    expect(config.identity.unlock).toEqual({ kind: 'identity', file: '/etc/countersign/id.age' })
  })

  it('R4: should want one confirmation on mainnet, none elsewhere, and what the operator says', () => {
    expect(parse(MAINNET).registry.confirmations).toBe(1)
    expect(parse({ ...MAINNET, 'registry.confirmations': '0' }).registry.confirmations).toBe(0)
    expect(parse({ 'registry.confirmations': '100' }).registry.confirmations).toBe(100)
  })

  it('R7: should open the next key as the one in use, unless it names its own way', () => {
    const next = { keyFile: '/etc/countersign/next.key', publicKey: KEY_B }
    const dir = '/etc/countersign'
    expect(parse(nextKey()).identity.next).toEqual({
      ...next,
      unlock: { kind: 'passphrase', file: `${dir}/signer.passphrase` },
    })
    expect(parse(nextKey({ 'identity.next_identity_file': '"i"' })).identity.next).toEqual({
      ...next,
      unlock: { kind: 'identity', file: `${dir}/i` },
    })
    expect(parse(nextKey({ 'identity.next_passphrase_file': '"p"' })).identity.next?.unlock.file).toBe(`${dir}/p`)
  })

  it('should take every unit of time', () => {
    for (const [text, ms] of [
      ['2000ms', 2_000],
      ['2s', 2_000],
      ['2m', 120_000],
      ['1h', 3_600_000],
    ] as const)
      expect(
        parse({ 'registry.poll_interval': `"${text}"`, 'registry.max_age': '"2h"' }).registry.pollIntervalMs,
        text,
      ).toBe(ms)
  })

  it('should take seeds apart and keep their text', () => {
    const seed = `/dns4/other.example/udp/1/quic-v1/p2p/${PEER}`
    const bare = '/dns/other.example/tcp/1'
    expect(parse({ 'p2p.seeds': `["${seed}", "${bare}"]` }).p2p.seeds).toEqual([
      { address: seed, peerId: PEER },
      { address: bare, peerId: undefined },
    ])
  })

  it('should take a denied peer by its key or its PeerID', () => {
    expect(parse({ 'p2p.deny': `["${KEY_C}", "${PEER}"]` }).p2p.deny).toEqual([PEER_C, PEER])
  })

  it('should take relays for listen addresses', () => {
    const relay = `/dns4/other.example/tcp/1/p2p/${PEER}`
    expect(parse({ 'p2p.listen': '[]', 'p2p.nat.relays': `["${relay}"]` }).p2p).toMatchObject({
      listen: [],
      nat: { relayServer: false, relays: [{ address: relay, peerId: PEER }], holePunching: false },
    })
    expect(parse({ 'p2p.nat.relay_server': 'true', 'p2p.nat.hole_punching': 'true' }).p2p.nat).toEqual({
      relayServer: true,
      relays: [],
      holePunching: true,
    })
  })

  it('should have no part in relaying by an empty section', () => {
    expect(parse({}, '[p2p.nat]').p2p.nat).toBeUndefined()
  })

  it('should sort the bootstrap set', () => {
    const changes = { 'registry.bootstrap_signers': `["${KEY_C}", "${KEY_A}"]`, 'registry.bootstrap_threshold': '2' }
    expect(parse(changes).registry.bootstrap).toEqual({ keys: [KEY_A, KEY_C], threshold: 2 })
  })

  it('should grant what each bridge section lists', () => {
    expect(parse({}, bridge(PEER, '["threshold.sign"]')).bridges).toEqual([
      {
        ...{ peerId: PEER, methods: ['threshold.sign'], keys: ['threshold', 's2/*'], quota: {} },
        ...{ allowSecretExport: false, allowRawSign: false },
      },
    ])
  })

  it('should grant all methods of a service that is named with a star', () => {
    const [grant] = parse({}, bridge(PEER, '["threshold.*", "threshold.sign", "hello"]')).bridges
    expect(grant?.methods).toEqual(['threshold.public_key', 'threshold.sign', 'hello'])
  })

  it('should grant keys, quotas and rights as they are listed', () => {
    const more =
      'keys = ["s2/wots", "keys/consensus-1"]\nquota = { sign = 50, read = 9 }\nallow_raw_sign = true\nallow_secret_export = true\n'
    expect(parse({}, bridge(PEER, '["hello"]') + more).bridges).toMatchObject([
      {
        keys: ['s2/wots', 'keys/consensus-1'],
        quota: { sign: 50, read: 9 },
        allowSecretExport: true,
        allowRawSign: true,
      },
    ])
  })

  it('should list the backup services', () => {
    expect(parse({}, backup(PEER) + backup(PEER_C)).backups).toEqual([PEER, PEER_C])
  })

  it('should take the closing slash off endpoints', () => {
    expect(parse({ 'registry.endpoints': '["https://h.example/stacks/"]' }).registry.endpoints).toEqual([
      'https://h.example/stacks',
    ])
  })

  it('R4: should choose the least quorum that is more than half', () => {
    for (const [n, quorum] of [
      [1, 1],
      [2, 2],
      [3, 2],
      [4, 3],
      [5, 3],
    ] as const) {
      const endpoints = JSON.stringify(Array.from({ length: n }, (_, i) => `http://h${i}.example`))
      expect(parse({ 'registry.endpoints': endpoints }).registry.quorum, `${n} endpoints`).toBe(quorum)
    }
  })
})

/** What is wrong, the change, the key that the error must name, and words it must say. */
const MISTAKES: readonly (readonly [string, Changes, string, RegExp])[] = [
  ['an unknown key before the sections', { data_dirr: '"x"' }, 'data_dirr', /did you mean data_dir\?/],
  [
    'a key before the sections like no other',
    { bogus: '1' },
    'bogus',
    /known are data_dir, \[identity\],.* \[\[bridge\]\], \[\[backup\]\]$/,
  ],
  ['a section key before the sections', { endpoints: '[]' }, 'endpoints', /belongs under \[registry\]/],
  ['an unknown key', { 'registry.pol_interval': '"1s"' }, 'registry.pol_interval', /did you mean poll_interval\?/],
  ['a key with dashes', { 'registry.poll-interval': '"1s"' }, 'registry.poll-interval', /did you mean poll_interval\?/],
  ['a key of another section', { 'p2p.policy': '"bridge"' }, 'p2p.policy', /belongs under \[signing\]/],
  ['a key like no other', { 'log.colour': '"red"' }, 'log.colour', /known are level/],
  ['an unknown section', { 'regisry.network': '"x"' }, 'regisry', /did you mean \[registry\]\?/],
  ['a list section misspelt', { 'bridges.peer_id': '"x"' }, 'bridges', /did you mean \[\[bridge\]\]\?/],
  ['a section like no other', { 'blockchain.x': '1' }, 'blockchain', /known are \[identity\],.* \[\[backup\]\]$/],
  ['a list section written as one section', { 'bridge.peer_id': `"${PEER}"` }, 'bridge', /write \[\[bridge\]\]/],
  ['a value for a section', { log: '"info"' }, 'log', /write \[log\]/],

  ['no key file', { 'identity.key_file': undefined }, 'identity.key_file', /is missing: add key_file/],
  ['a number for a path', { 'identity.key_file': '7' }, 'identity.key_file', /must be a path.*not a number/],
  ['an empty path', { 'identity.key_file': '""' }, 'identity.key_file', /not an empty text/],
  ['no public key', { 'identity.public_key': undefined }, 'identity.public_key', /is missing/],
  [
    'a key that is no point',
    { 'identity.public_key': `"02${'0'.repeat(64)}"` },
    'identity.public_key',
    /66 lower-case/,
  ],
  ['a key in upper case', { 'identity.public_key': `"${KEY_A.toUpperCase()}"` }, 'identity.public_key', /lower-case/],
  ['nothing that opens the key', { 'identity.passphrase_file': undefined }, 'identity', /exactly one of/],
  ['two files that open the key', { 'identity.identity_file': '"b"' }, 'identity', /exactly one of/],
  ['the key file as its own passphrase', { 'identity.passphrase_file': '"./signer.key"' }, 'identity.key_file', /two/],

  ['a next key that is not pinned', { 'identity.next_key_file': '"n"' }, 'identity.next_public_key', /is missing/],
  ['a next key without its file', { 'identity.next_public_key': `"${KEY_B}"` }, 'identity.next_public_key', /nothing/],
  [
    'a passphrase of no next key',
    { 'identity.next_passphrase_file': '"p"' },
    'identity.next_passphrase_file',
    /nothing/,
  ],
  [
    'an age identity of no next key',
    { 'identity.next_identity_file': '"i"' },
    'identity.next_identity_file',
    /nothing/,
  ],
  [
    'the key in use as the next',
    nextKey({ 'identity.next_public_key': `"${KEY_A}"` }),
    'identity.next_public_key',
    /in use/,
  ],
  [
    'two files that open the next key',
    nextKey({ 'identity.next_passphrase_file': '"p"', 'identity.next_identity_file': '"i"' }),
    'identity.next_identity_file',
    /one of them/,
  ],
  [
    'one file for both keys',
    nextKey({ 'identity.next_key_file': '"signer.key"' }),
    'identity.next_key_file',
    /already/,
  ],
  [
    'the passphrase as the next key',
    nextKey({ 'identity.next_key_file': '"signer.passphrase"' }),
    'identity.next_key_file',
    /already/,
  ],
  ['a next key that is denied', nextKey({ 'p2p.deny': `["${KEY_B}"]` }), 'p2p.deny[0]', /own key/],

  ['no network', { 'registry.network': undefined }, 'registry.network', /is missing/],
  ['a network with spaces', { 'registry.network': '"main net"' }, 'registry.network', /label/],
  ['a chain id as text', { 'registry.chain_id': '"1"' }, 'registry.chain_id', /whole number.*not a text/],
  ['a chain id with a fraction', { 'registry.chain_id': '1.5' }, 'registry.chain_id', /whole number/],
  ['a chain id of 33 bits', { 'registry.chain_id': '4294967296' }, 'registry.chain_id', /to 4294967295/],
  ['a negative chain id', { 'registry.chain_id': '-1' }, 'registry.chain_id', /from 1/],
  ["mainnet's name on another chain", { 'registry.network': '"mainnet"' }, 'registry.chain_id', /don't fit/],
  [
    "mainnet's chain under another name",
    { ...MAINNET, 'registry.network': '"prod"' },
    'registry.chain_id',
    /don't fit/,
  ],
  ['a mainnet contract elsewhere', { 'registry.contract': `"${MAINNET_CONTRACT}"` }, 'registry.contract', /ST or SN/],
  [
    'a testnet contract on mainnet',
    { ...MAINNET, 'registry.contract': `"${CONTRACT}"` },
    'registry.contract',
    /SP or SM/,
  ],
  [
    'a contract without its name',
    { 'registry.contract': `"${CONTRACT.split('.')[0]}"` },
    'registry.contract',
    /<Stacks/,
  ],
  [
    'a contract with one letter changed',
    { 'registry.contract': `"${CONTRACT.replace('SN3R8', 'SN3R9')}"` },
    'registry.contract',
    /checksum/,
  ],
  ['no endpoints', { 'registry.endpoints': '[]' }, 'registry.endpoints', /1 to 16/],
  ['an endpoint outside a list', { 'registry.endpoints': '"http://a"' }, 'registry.endpoints', /a list.*not a text/],
  ['an endpoint that is no address', { 'registry.endpoints': '["a b"]' }, 'registry.endpoints[0]', /address like/],
  ['an endpoint of another kind', { 'registry.endpoints': '["ws://a"]' }, 'registry.endpoints[0]', /address like/],
  [
    'an endpoint with a password',
    { 'registry.endpoints': '["http://u:p@a"]' },
    'registry.endpoints[0]',
    /user or password/,
  ],
  ['an endpoint with a query', { 'registry.endpoints': '["http://a/?k=1"]' }, 'registry.endpoints[0]', /no \?/],
  [
    'an endpoint twice',
    { 'registry.endpoints': '["http://a", "http://b", "http://a/"]' },
    'registry.endpoints',
    /twice \(number 3\)/,
  ],
  ['a quorum of 0', { 'registry.quorum': '0' }, 'registry.quorum', /from 1/],
  ['a quorum above the endpoints', { 'registry.quorum': '2' }, 'registry.quorum', /only 1 endpoint is listed/],
  ['a max_age below a minute', { 'registry.max_age': '"59s"' }, 'registry.max_age', /from "1m"/],
  ['a max_age beyond a week', { 'registry.max_age': '"169h"' }, 'registry.max_age', /to "168h"/],
  ['a max_age without unit', { 'registry.max_age': '3600' }, 'registry.max_age', /unit.*not a number/],
  [
    'R5: a max_age that one missed read exceeds',
    { 'registry.poll_interval': '"31s"', 'registry.max_age': '"1m"' },
    'registry.max_age',
    /twice poll_interval/,
  ],
  ['on_stale misspelt', { 'registry.on_stale': '"freez"' }, 'registry.on_stale', /did you mean "freeze"\?/],
  ['a duration without unit', { 'registry.poll_interval': '10' }, 'registry.poll_interval', /unit.*not a number/],
  [
    'a duration with an unknown unit',
    { 'registry.poll_interval': '"10 min"' },
    'registry.poll_interval',
    /ms, s, m or h/,
  ],
  ['a duration with a fraction', { 'registry.poll_interval': '"1.5s"' }, 'registry.poll_interval', /ms, s, m or h/],
  ['a duration that is too short', { 'registry.poll_interval': '"10ms"' }, 'registry.poll_interval', /from "1s"/],
  ['a duration that is too long', { 'registry.poll_interval': '"2h"' }, 'registry.poll_interval', /to "1h"/],
  [
    'a bootstrap set without threshold',
    { 'registry.bootstrap_signers': `["${KEY_A}", "${KEY_B}"]` },
    'registry.bootstrap_threshold',
    /is missing/,
  ],
  [
    'a bootstrap threshold without set',
    { 'registry.bootstrap_threshold': '2' },
    'registry.bootstrap_signers',
    /is missing/,
  ],
  [
    'a bootstrap set of one',
    { 'registry.bootstrap_signers': `["${KEY_A}"]`, 'registry.bootstrap_threshold': '2' },
    'registry.bootstrap_signers',
    /2 to 16/,
  ],
  [
    'a bootstrap key twice',
    { 'registry.bootstrap_signers': `["${KEY_A}", "${KEY_A}"]`, 'registry.bootstrap_threshold': '2' },
    'registry.bootstrap_signers',
    /twice/,
  ],
  [
    'a bootstrap threshold above the set',
    { 'registry.bootstrap_signers': `["${KEY_A}", "${KEY_B}"]`, 'registry.bootstrap_threshold': '3' },
    'registry.bootstrap_threshold',
    /only 2 keys/,
  ],
  ['R4: confirmations below 0', { 'registry.confirmations': '-1' }, 'registry.confirmations', /from 0 to 100/],
  ['R4: too many confirmations', { 'registry.confirmations': '101' }, 'registry.confirmations', /from 0 to 100/],
  ['R4: a fraction of a confirmation', { 'registry.confirmations': '1.5' }, 'registry.confirmations', /whole number/],
  ['an observer without port', { 'registry.observer_listen': '"127.0.0.1"' }, 'registry.observer_listen', /host:port/],
  ['an observer port too high', { 'registry.observer_listen': '"h:65536"' }, 'registry.observer_listen', /host:port/],
  ['an observer as a URL', { 'registry.observer_listen': '"http://h:1"' }, 'registry.observer_listen', /host:port/],

  ['nowhere to listen', { 'p2p.listen': '[]' }, 'p2p.listen', /\[p2p\.nat\]/],
  [
    'a relay without PeerID',
    { 'p2p.nat.relays': '["/ip4/1.2.3.4/tcp/1"]' },
    'p2p.nat.relays[0]',
    /must end with \/p2p/,
  ],
  [
    'this node as its own relay',
    { 'p2p.nat.relays': `["/ip4/1.2.3.4/tcp/1/p2p/${peerIdOfKey(parsePublicKey(KEY_A))}"]` },
    'p2p.nat.relays[0]',
    /is this node itself/,
  ],
  [
    'a relay of an unused transport',
    { 'p2p.nat.relays': `["/ip4/1.2.3.4/udp/1/quic-v1/p2p/${PEER}"]`, 'p2p.transports': '["tcp"]' },
    'p2p.nat.relays[0]',
    /not in \[p2p\] transports/,
  ],
  ['hole punching without relays', { 'p2p.nat.hole_punching': 'true' }, 'p2p.nat.hole_punching', /relay_server/],
  ['a text for true', { 'p2p.nat.relay_server': '"true"' }, 'p2p.nat.relay_server', /true or false, not a text/],
  ['a misspelt key of a section in a section', { 'p2p.nat.relay': '[]' }, 'p2p.nat.relay', /did you mean relays\?/],
  ['a misspelt section in a section', { 'p2p.nta.relays': '[]' }, 'p2p.nta', /did you mean nat\?|known are .*nat/],
  ['a key where a section should be', { 'p2p.nat': 'true' }, 'p2p.nat', /write \[p2p\.nat\]/],
  ['a key of a section in a section', { 'p2p.relays': '[]' }, 'p2p.relays', /belongs under \[p2p\.nat\]|did you mean/],
  ['a host and port for a multiaddr', { 'p2p.listen': '["0.0.0.0:4700"]' }, 'p2p.listen[0]', /\/ip4\/ADDRESS/],
  ['a multiaddr with a bad IP', { 'p2p.listen': '["/ip4/1.2.3/tcp/1"]' }, 'p2p.listen[0]', /not an ip4 host/],
  ['an IPv6 address under ip4', { 'p2p.listen': '["/ip4/::1/tcp/1"]' }, 'p2p.listen[0]', /not an ip4 host/],
  ['a multiaddr with a port too high', { 'p2p.listen': '["/ip4/1.2.3.4/tcp/70000"]' }, 'p2p.listen[0]', /65535/],
  ['a multiaddr without port', { 'p2p.listen': '["/ip4/1.2.3.4/tcp"]' }, 'p2p.listen[0]', /port must be/],
  ['UDP without QUIC', { 'p2p.listen': '["/ip4/1.2.3.4/udp/1"]' }, 'p2p.listen[0]', /quic-v1/],
  ['a websocket', { 'p2p.listen': '["/ip4/1.2.3.4/tcp/1/ws"]' }, 'p2p.listen[0]', /only \/p2p/],
  ['a name to listen at', { 'p2p.listen': '["/dns4/h.example/tcp/1"]' }, 'p2p.listen[0]', /IP address/],
  ['its own PeerID to listen at', { 'p2p.listen': `["/ip4/1.2.3.4/tcp/1/p2p/${PEER}"]` }, 'p2p.listen[0]', /PEERID/],
  ['port 0 announced', { 'p2p.announce': '["/ip4/1.2.3.4/tcp/0"]' }, 'p2p.announce[0]', /not 0/],
  ['an unknown transport', { 'p2p.transports': '["tpc"]' }, 'p2p.transports[0]', /did you mean "tcp"\?/],
  ['a transport twice', { 'p2p.transports': '["tcp", "tcp"]' }, 'p2p.transports', /twice/],
  ['a transport that is off', { 'p2p.transports': '["quic"]' }, 'p2p.listen[0]', /uses tcp/],
  [
    'a seed with a PeerID of another key type',
    { 'p2p.seeds': '["/ip4/1.2.3.4/tcp/1/p2p/12D3KooWQTrKeiv3G5Qyw9MFjwhBAbmD1DshG8CJWBzqQsqZ5VtB"]' },
    'p2p.seeds[0]',
    /secp256k1/,
  ],
  ['a number among seeds', { 'p2p.seeds': '[1]' }, 'p2p.seeds[0]', /multiaddr.*not a number/],
  ['a denied key in capitals', { 'p2p.deny': `["${KEY_C.toUpperCase()}"]` }, 'p2p.deny[0]', /66 lower-case/],
  ['a denied key of no point', { 'p2p.deny': `["02${'ff'.repeat(32)}"]` }, 'p2p.deny[0]', /public key.*or the PeerID/],
  [
    'a denied PeerID of another key type',
    { 'p2p.deny': '["12D3KooWQTrKeiv3G5Qyw9MFjwhBAbmD1DshG8CJWBzqQsqZ5VtB"]' },
    'p2p.deny[0]',
    /PeerID of one/,
  ],
  ['a denied address', { 'p2p.deny': '["203.0.113.9"]' }, 'p2p.deny[0]', /public key.*or the PeerID/],
  ['a denied peer that is no text', { 'p2p.deny': '[7]' }, 'p2p.deny[0]', /not a number/],
  ['a deny list that is no list', { 'p2p.deny': `"${KEY_C}"` }, 'p2p.deny', /must be a list/],
  [
    'a peer denied twice, in both spellings',
    { 'p2p.deny': `["${KEY_C}", "${PEER_C}"]` },
    'p2p.deny',
    /lists one entry twice/,
  ],
  ['its own key denied', { 'p2p.deny': `["${KEY_C}", "${KEY_A}"]` }, 'p2p.deny[1]', /this node's own key/],
  [
    'its own PeerID denied',
    { 'p2p.deny': `["${peerIdOfKey(parsePublicKey(KEY_A))}"]` },
    'p2p.deny[0]',
    /this node's own key/,
  ],

  ['an unknown policy', { 'signing.policy': '"brige"' }, 'signing.policy', /did you mean "bridge"\?/],
  ['a consent that lasts seconds', { 'signing.request_ttl': '"30s"' }, 'signing.request_ttl', /from "1m"/],
  ['a consent of nobody', { 'signing.consent_from': '[]' }, 'signing.consent_from', /1 to 64/],
  ['a consent of no PeerID', { 'signing.consent_from': '["bridge"]' }, 'signing.consent_from[0]', /PeerID/],
  ['a quorum of nobody', { 'signing.consent_quorum': '0' }, 'signing.consent_quorum', /from 1/],
  ['a quorum of unnamed bridges', { 'signing.consent_quorum': '2' }, 'signing.consent_quorum', /list in consent_from/],
  [
    'a quorum that can not be',
    { 'signing.consent_from': `["${PEER}"]`, 'signing.consent_quorum': '2' },
    'signing.consent_quorum',
    /lists only 1/,
  ],
  [
    'a consent that no policy counts',
    {
      'signing.policy': '"http"',
      'signing.consent_from': `["${PEER}"]`,
      'signing.http.url': '"https://v.example.org"',
    },
    'signing.consent_from',
    /policy "bridge" only/,
  ],
  [
    'a validator that no policy asks',
    { 'signing.http.url': '"https://v.example.org/"' },
    'signing.http.url',
    /policy "http" only, and policy is "bridge"/,
  ],
  [
    "the token of a validator that isn't there",
    { 'signing.http.token_file': '"token"' },
    'signing.http.token_file',
    /nothing without url/,
  ],
  ['no validator', { 'signing.policy': '"http"' }, 'signing.http.url', /is missing/],
  ['a validator that is no address', { 'signing.http.url': '"validator"' }, 'signing.http.url', /address/],
  [
    'a validator with a password',
    { 'signing.http.url': '"https://u:p@v.example.org/"' },
    'signing.http.url',
    /password/,
  ],
  [
    'a validator on the open network',
    { 'signing.http.url': '"http://v.example.org/"' },
    'signing.http.url',
    /use https/,
  ],
  [
    'a validator almost here',
    { 'signing.http.url': '"http://127.0.0.1.example.org/"' },
    'signing.http.url',
    /use https/,
  ],
  ['a validator on this network', { 'signing.http.url': '"http://10.0.0.1/"' }, 'signing.http.url', /use https/],
  ['a validator that may sleep', { 'signing.http.timeout': '"11s"' }, 'signing.http.timeout', /to "10s"/],
  ['a policy that is no text', { 'signing.policy': 'true' }, 'signing.policy', /must be one of/],
  ['an approval for ever', { 'rotation.approval_ttl': '"999h"' }, 'rotation.approval_ttl', /to "720h"/],
  ['a fee of nothing', { 'rotation.fee_ustx': '0' }, 'rotation.fee_ustx', /micro-STX/],
  ['a fee in STX with a fraction', { 'rotation.fee_ustx': '0.5' }, 'rotation.fee_ustx', /micro-STX/],
  ['an unknown log level', { 'log.level': '"verbose"' }, 'log.level', /must be one of "debug"/],
]

describe('a config with a mistake', () => {
  it.each(MISTAKES)('should refuse %s', (_what, changes, key, words) => {
    const error = refusal(changes)
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.data).toMatchObject({ file: FILE, key })
    expect(error.message).toMatch(words)
    expect(error.message.startsWith(`${FILE}: `), 'the sentence names the file').toBe(true)
    expect(error.message).not.toContain('\n')
  })

  it('R4: should refuse a quorum of half the endpoints', () => {
    const error = refusal({
      'registry.endpoints': '["http://a", "http://b", "http://c", "http://d"]',
      'registry.quorum': '2',
    })
    expect(error.message).toMatch(/\[registry\] quorum must be more than half.*at least 3/)
  })

  it('R4: should refuse one endpoint on mainnet', () => {
    const error = refusal({ ...MAINNET, 'registry.endpoints': '["http://a"]' })
    expect(error.message).toMatch(/quorum must be at least 2 on mainnet/)
  })

  it('R4: should take two endpoints on mainnet', () => {
    expect(parse(MAINNET).registry.quorum).toBe(2)
  })

  it('R3: should refuse 17 bootstrap signers', () => {
    const keys = JSON.stringify(Array.from({ length: 17 }, () => KEY_A))
    const error = refusal({ 'registry.bootstrap_signers': keys, 'registry.bootstrap_threshold': '9' })
    expect(error.message).toMatch(/2 to 16 entries/)
  })

  it('should refuse a bootstrap threshold of half the set', () => {
    const error = refusal({
      'registry.bootstrap_signers': `["${KEY_A}", "${KEY_B}", "${KEY_C}", "${PEER_KEY}"]`,
      'registry.bootstrap_threshold': '2',
    })
    expect(error.message).toMatch(/more than half of the 4 keys: at least 3/)
  })

  it('R11: should refuse the auto policy on mainnet', () => {
    const error = refusal({ ...MAINNET, 'signing.policy': '"auto"' })
    expect(error.data).toMatchObject({ key: 'signing.policy' })
    expect(error.message).toMatch(/refused on mainnet/)
  })

  it('R27: should say whose consent counts', () => {
    const changes = { 'signing.consent_from': `["${PEER}"]`, 'signing.request_ttl': '"5m"' }
    const { signing } = parse(changes, bridge(PEER, '["threshold.sign"]'))
    expect(signing).toMatchObject({ consent: { from: [PEER], quorum: 1 }, requestTtlMs: 300_000 })
  })
  const named = (peers: readonly string[], quorum: number) => ({
    'signing.consent_from': JSON.stringify(peers),
    'signing.consent_quorum': String(quorum),
  })
  const asking = bridge(PEER, '["threshold.sign"]')
  it.each<[string, Changes, string, RegExp]>([
    ['names no bridge', named([PEER], 1), '', /lists 0 of the 1 .*16Uiu2HA\w+ may not call threshold\.sign/],
    ['names one that may not use the group key', named([PEER], 1), `${asking}keys = ["s2/*"]\n`, /lists 0 of the 1/],
    ['names one that may not ask', named([PEER], 1), bridge(PEER, '["threshold.public_key"]'), /lists 0 of the 1/],
    ['names too few that may', named([PEER, PEER_C], 2), asking, /lists 1 of the 2/],
  ])('R27: should refuse to start where consent_from %s: nothing would be signed', (_, changes, extra, why) => {
    const error = refusal(changes, extra)
    expect(error.data).toMatchObject({ key: 'signing.consent_from' })
    expect(error.message).toMatch(why)
  })
  it('R27: should start with enough of them, and know who does not count', () => {
    const config = parse(named([PEER, PEER_C], 1), asking)
    expect(uncountedOf(config)).toEqual([PEER_C])
  })
  it('R27: should let a running node take the last grant away: a reload must never keep a right alive', () => {
    const reload = { methods: METHODS, isReload: true }
    expect(uncountedOf(parseConfig(toml(named([PEER], 1)), FILE, reload))).toEqual([PEER])
  })
  it.each([
    ['https://v.example.org/decide/', {}],
    ['http://127.0.0.1:8080/decide', {}],
    ['http://[::1]:8080/decide', {}],
    ['http://localhost:8080/', {}],
    ['http://v.example.org/', { 'signing.http.allow_plain_http': 'true' }],
  ])('should take a validator at %s', (url, more) => {
    const { signing } = parse({ ...MAINNET, 'signing.policy': '"http"', 'signing.http.url': `"${url}"`, ...more })
    expect(signing).toMatchObject({ policy: 'http', validator: { url, timeoutMs: 2_000, tokenFile: undefined } })
  })

  it('R11: should take the auto policy elsewhere', () => {
    expect(parse({ 'signing.policy': '"auto"' }).signing.policy).toBe('auto')
  })

  it.each([
    ['no methods', bridge(PEER, '[]'), 'bridge[0].methods', /1 to 64/],
    ['an unknown method', bridge(PEER, '["threshold.sing"]'), 'bridge[0].methods', /did you mean "threshold.sign"\?/],
    ['a service of no method', bridge(PEER, '["treshold.*"]'), 'bridge[0].methods', /did you mean "threshold.\*"\?/],
    ['a star in a name', bridge(PEER, '["threshold.s*"]'), 'bridge[0].methods[0]', /name of a method/],
    ['a key of no kind', `${bridge(PEER, '["hello"]')}keys = ["consensus-1"]\n`, 'bridge[0].keys[0]', /"keys\/NAME"/],
    [
      'a key misspelt',
      `${bridge(PEER, '["hello"]')}keys = ["s2/musig"]\n`,
      'bridge[0].keys[0]',
      /did you mean "s2\/musig2"\?/,
    ],
    ['all keys at once', `${bridge(PEER, '["hello"]')}keys = ["*"]\n`, 'bridge[0].keys[0]', /must be/],
    ['no keys', `${bridge(PEER, '["hello"]')}keys = []\n`, 'bridge[0].keys', /1 to 256/],
    [
      'an unknown class of methods',
      `${bridge(PEER, '["hello"]')}quota = { sing = 5 }\n`,
      'bridge[0].quota',
      /did you mean "sign"\?/,
    ],
    ['a quota of nothing', `${bridge(PEER, '["hello"]')}quota = { sign = 0 }\n`, 'bridge[0].quota.sign', /from 1 to/],
    ['a quota that is no table', `${bridge(PEER, '["hello"]')}quota = 5\n`, 'bridge[0].quota', /a table on one line/],
    ['an empty quota', `${bridge(PEER, '["hello"]')}quota = {}\n`, 'bridge[0].quota', /must name something/],
    [
      'a right that is no yes or no',
      `${bridge(PEER, '["hello"]')}allow_raw_sign = "yes"\n`,
      'bridge[0].allow_raw_sign',
      /true or false/,
    ],
    ['a method twice', bridge(PEER, '["hello", "hello"]'), 'bridge[0].methods', /twice/],
    ['a wildcard', bridge(PEER, '["*"]'), 'bridge[0].methods[0]', /name of a method/],
    ['a bad PeerID', bridge(PEER.slice(0, -1), '["hello"]'), 'bridge[0].peer_id', /PeerID of a secp256k1 key/],
    ['a word for a list', `[[bridge]]\npeer_id = "${PEER}"\nmethods = "hello"`, 'bridge[0].methods', /a list/],
    ['no methods key', `[[bridge]]\npeer_id = "${PEER}"`, 'bridge[0].methods', /is missing/],
    [
      'one peer twice',
      bridge(PEER, '["hello"]') + bridge(PEER, '["threshold.sign"]'),
      'bridge[1].peer_id',
      /two entries/,
    ],
  ])('should refuse a bridge with %s', (_what, extra, key, words) => {
    const error = refusal({}, extra)
    expect(error.data).toMatchObject({ key })
    expect(error.message).toMatch(words)
  })

  it("R1: should refuse a bridge under this node's own key", () => {
    const error = refusal({ 'identity.public_key': `"${PEER_KEY}"` }, bridge(PEER, '["hello"]'))
    expect(error.message).toMatch(/\[\[bridge\]\] peer_id \(entry 1\) is a signer's/)
  })

  it("R1: should refuse a bridge under a bootstrap signer's key", () => {
    const error = refusal(
      { 'registry.bootstrap_signers': `["${KEY_A}", "${PEER_KEY}"]`, 'registry.bootstrap_threshold': '2' },
      bridge(PEER, '["hello"]'),
    )
    expect(error.message).toMatch(/is a signer's/)
  })

  it.each([
    ["this node's own key", { 'identity.public_key': `"${PEER_KEY}"` }, backup(PEER), /is a signer's/],
    [
      "a bootstrap signer's key",
      { 'registry.bootstrap_signers': `["${KEY_A}", "${PEER_KEY}"]`, 'registry.bootstrap_threshold': '2' },
      backup(PEER),
      /is a signer's/,
    ],
    ["a bridge's key", {}, bridge(PEER, '["hello"]') + backup(PEER), /is a bridge's, too/],
    ["a bridge's key, whichever comes first", {}, backup(PEER) + bridge(PEER, '["hello"]'), /is a bridge's, too/],
    ['the key of another backup service', {}, backup(PEER_C) + backup(PEER) + backup(PEER), /two entries/],
  ])('R1: should refuse a backup service under %s', (_what, changes, extra, words) => {
    const error = refusal(changes, extra)
    expect(error.data.key).toMatch(/^backup\[\d\]\.peer_id$/)
    expect(error.message).toMatch(words)
  })

  it('R40: should refuse an admin listener beyond loopback without a token', () => {
    const error = refusal({ 'admin.listen': '"10.0.0.5:9464"' })
    expect(error.data).toMatchObject({ key: 'admin.token_file' })
  })

  it('R40: should refuse an admin listener on every address', () => {
    for (const all of ['0.0.0.0:1', '[::]:1'])
      expect(refusal({ 'admin.listen': `"${all}"`, 'admin.token_file': '"t"' }).message).toMatch(/name one address/)
  })

  it('R40: should take loopback without, and others with, a token', () => {
    for (const host of ['127.0.0.1', '127.9.9.9', 'localhost', '[::1]'])
      expect(parse({ 'admin.listen': `"${host}:0"` }).admin.listen?.port, host).toBe(0)
    expect(parse({ 'admin.listen': '"10.0.0.5:1"', 'admin.token_file': '"t"' }).admin).toMatchObject({
      listen: { host: '10.0.0.5', port: 1 },
      tokenFile: '/etc/countersign/t',
    })
  })

  it('should refuse an admin socket that no kernel would take, and name the key', () => {
    const error = refusal({ data_dir: `"/${'d'.repeat(95)}"` })
    expect(error.code).toBe('ADMIN_SOCKET_PATH_TOO_LONG')
    expect(error.message).toMatch(/set \[admin\] socket/)
    expect(error.data).toMatchObject({ key: 'admin.socket' })
  })

  it('should name the line of what is not TOML, and quote nothing of it', () => {
    const error = refusal({}, 'hunter2 secret words')
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(/line \d+, column \d+/) })
    expect(error.message).not.toContain('hunter2')
  })

  it('should refuse a key that stands twice', () => {
    expect(refusal({}, '[log]\nlevel = "info"\nlevel = "warn"').code).toBe('CONFIG_INVALID')
  })

  it('should not repeat what was put where a key belongs: it may be a secret', () => {
    const secret = 'ab'.repeat(32)
    for (const key of ['identity.public_key', 'identity.passphrase', 'registry.contract', 'registry.network'])
      expect(refusal({ [key]: `"${secret}"` }).message, key).not.toContain(secret)
  })

  it("should not be led astray by names of JavaScript's own", () => {
    for (const key of ['__proto__', 'constructor', 'toString'])
      expect(refusal({ [`log.${key}`]: '"x"' }).code, key).toBe('CONFIG_INVALID')
  })
})

describe('loadConfig', () => {
  const dir = mkdtempSync(join(tmpdir(), 'cs-config-'))
  afterAll(() => rmSync(dir, { recursive: true }))
  const load = (file: string) => loadConfig(file, { methods: METHODS })

  it('should read a file', async () => {
    const file = join(dir, 'signer.toml')
    writeFileSync(file, toml())
    expect((await load(file)).dataDir).toBe(join(dir, 'data'))
  })

  it('should say how to make a missing file', async () => {
    await expect(load(join(dir, 'none.toml'))).rejects.toMatchObject({
      code: 'CONFIG_MISSING',
      message: expect.stringMatching(/none\.toml.*countersign init/),
    })
  })

  it('should refuse a folder', async () => {
    await expect(load(dir)).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE' })
  })

  it('should refuse a file without end', async () => {
    const file = join(dir, 'huge.toml')
    writeFileSync(file, '#'.repeat(1024 * 1024 + 1))
    await expect(load(file)).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE' })
  })
})
