import { describe, expect, it } from 'vitest'
import { statusText } from '../../../src/cli/status-view.ts'
import { KeyPair } from '../../../src/curve/index.ts'

const NOW = 1_800_000_000_000
const hash = (digits: string): string => digits.repeat(64 / digits.length)
const OUR_SET = hash('1a')

/** Everything that can make a line long, of a set as large as a registry can hold. */
function worst(size = 16) {
  const keys = Array.from({ length: size }, () => KeyPair.generate())
  const [own] = keys
  const publicKeys = keys.map((key) => key.publicKey)
  const address = (n: number, peerId: string) =>
    `/ip6/2001:db8:85a3:1234:5678:8a2e:370:${7000 + n}/udp/47${10 + n}/quic-v1/p2p/${peerId}`
  const link = (n: number) => ({
    ...{ transport: 'relay', direction: 'outbound', rttMs: 12_345 },
    remoteAddress: address(n, keys[1]?.peerId ?? ''),
  })
  const members = keys.map(({ publicKey, peerId }, i) => ({
    ...{ publicKey, peerId, self: i === 0, role: i === 3 ? 'none' : 'signer', connected: i % 2 === 0 },
    reason: `in set ${OUR_SET.slice(0, 8)} at Bitcoin block 900000${i === 3 ? ', refused here: not_in_registry' : ''}`,
    links: i % 2 === 0 ? [link(i), link(i)] : [],
    ...{ alive: i === 0 ? null : i % 2 === 0, lastHeartbeatAtMs: i === 1 ? null : NOW - 7_000_000 },
    ...{ diverges: i > 1, claimedSetHash: hash('2b') },
    claims: { keyHeld: i < 2, signing: i < 2, registryFresh: i < 2 },
  }))
  const recalled = {
    ...{ setHash: hash('3c'), groupKey: hash('4d'), threshold: 11, keys: publicKeys, keyHeld: false },
    ...{ approvedAtMs: NOW, expiresAtMs: NOW + 1, admitted: false },
  }
  const said = publicKeys.join(', ')
  const decision = (i: number, over: object = {}) => ({
    ...{ requestId: hash(`${i % 10}${i % 7}`).repeat(2), groupKey: hash('5e'), askedBy: keys[i % size]?.peerId },
    ...{
      reason: 'validator_unreachable',
      detail: null,
      firstAtMs: NOW - 90_000,
      lastAtMs: NOW - i * 1_000,
      times: 123_456,
    },
    ...over,
  })
  const policy = {
    kind: 'http',
    approved: Array.from({ length: 64 }, (_, i) => decision(i, { requestId: hash('ee'), reason: 'validator' })),
    waiting: Array.from({ length: 64 }, (_, i) => decision(i)),
    refused: Array.from({ length: 64 }, (_, i) =>
      decision(i, {
        askedBy: publicKeys[i % size],
        reason: 'validator',
        detail: 'a validator says a lot. '.repeat(20),
      }),
    ),
  }
  return {
    ...{ state: 'signer', publicKey: own?.publicKey, peerId: own?.peerId, network: 'a-network-with-a-long-name-of-32' },
    contract: `SN3R84XZYA63QS28932XQF3G1J8R9PC3W76P9CSQS.${'long-name-'.repeat(4)}`,
    addresses: [address(0, own?.peerId ?? ''), `${address(1, keys[1]?.peerId ?? '')}/p2p-circuit/p2p/${own?.peerId}`],
    registry: {
      ...{ kind: 'set', stacksHeight: 12_345_678, burnHeight: 900_000, lastReadAtMs: NOW - 5_000 },
      evidence: { endpoints: ['a', 'b', 'c'].map((x) => `https://stacks-${x}.an-operator.example.org:20443`) },
      lastFailure: { reason: 'no_quorum' },
    },
    set: { hash: OUR_SET, threshold: 11, size: 15, groupKey: hash('5e') },
    key: { groupKey: hash('5e'), held: false },
    members,
    clock: { offsetMs: -31_250, witnesses: 4 },
    keyInUseElsewhere: { sinceMs: NOW - 5_000, boot: 7 },
    rotation: {
      ...{ pendingId: hash('6f'), keys: publicKeys, threshold: 11, attempt: 1, approved: publicKeys.slice(0, 3) },
      ...{ step: 'wait', waitingFor: 'approvals', missing: publicKeys.slice(3), lastError: `no word from ${said}` },
    },
    policy,
    recalled: [recalled, { ...recalled, setHash: hash('7a') }],
    lastReload: {
      ...{ result: 'applied', trigger: 'file', atMs: NOW, refusals: [] },
      changes: [{ key: 'p2p.seeds', added: [address(2, keys[2]?.peerId ?? '')], removed: [] }],
    },
    denials: { totals: Object.fromEntries('abcdefghijkl'.split('').map((c) => [`reason_${c}`, 123_456])) },
    health: { ok: false, checks: [{ name: 'mesh', ok: false, reason: `no connection to ${said}`, sinceMs: NOW }] },
  }
}
const lines = (text: string): readonly string[] => text.split('\n')
const widest = (text: string): number => Math.max(...lines(text).map((line) => line.length))

describe('the width of countersign status', () => {
  it('should be at most 100 columns, however much there is to say, and name every member', () => {
    const status = worst()
    const text = statusText(status, NOW)
    expect(lines(text).filter((line) => line.length > 100)).toEqual([])
    for (const { publicKey, peerId } of status.members) {
      expect(text).toMatch(new RegExp(`^ +${publicKey.slice(0, 8)}… +…${peerId.slice(-8)} `, 'm'))
    }
    expect(text).toMatch(/NOT CONNECTED +NEVER HEARD/)
    expect(text).toMatch(/SILENT for 117 min +OTHER SET 2b2b2b2b$/m)
    for (const words of ['no share', 'not signing', 'registry stale', 'relay outbound 12345 ms'])
      expect(text).toMatch(new RegExp(`^ +${words}$`, 'm'))
    expect(text.match(/at Bitcoin block 900000$/gm), 'one reason, once').toHaveLength(1)
    expect(text).toMatch(/at Bitcoin block 900000, refused here: not_in_registry$/m)
  })

  it('should keep whole what is copied from it: own key, PeerID, group key, set hash', () => {
    const status = worst()
    const text = statusText(status, NOW)
    for (const whole of [status.publicKey, status.peerId, status.set.hash, status.set.groupKey])
      expect(text).toMatch(new RegExp(`^[a-zA-Z ]+ .*${whole}`, 'm'))
  })

  it('should say every name in the reasons of health, shortened', () => {
    const status = worst()
    const [, health = ''] = /^health +([\s\S]*?)^public key/m.exec(statusText(status, NOW)) ?? []
    for (const { publicKey } of status.members) expect(health).toContain(`${publicKey.slice(0, 8)}…`)
  })

  it('should never call two keys, or two PeerIDs, by one short form', () => {
    const like = `02${'ab'.repeat(5)}`
    const keys = ['1', '2', '3'].map((digit) => like + digit.repeat(66 - like.length))
    const tail = 'W9999999'
    const peers = ['A', 'B', 'C'].map((letter) => `16Uiu2HA${letter.repeat(45 - tail.length)}${tail}`)
    const members = keys.map((publicKey, i) => ({ publicKey, peerId: peers[i], role: 'signer', links: [] }))
    const rows = lines(statusText({ state: 'signer', members }, NOW)).filter((line) => line.includes('…'))
    expect(rows).toHaveLength(3)
    for (const column of [0, 1]) {
      const names = rows.map((line) => line.trim().split(/ +/)[column] ?? '')
      expect(new Set(names).size).toBe(3)
      for (const [i, name] of names.entries()) expect((column === 0 ? keys : peers)[i]).toContain(name.replace('…', ''))
    }
  })

  it('should leave short lines as they are, with whole addresses', () => {
    const { publicKey, peerId } = KeyPair.generate()
    const address = `/ip4/127.0.0.1/tcp/4700/p2p/${peerId}`
    expect(statusText({ state: 'signer', publicKey, peerId, addresses: [address] }, NOW)).toMatch(
      new RegExp(`^addresses +${address}$`, 'm'),
    )
  })

  it('should lose nothing of a word that is longer than a line, nor hang on it', () => {
    const word = 'x'.repeat(1_000)
    const text = statusText({ state: 'signer', network: word, members: [{ publicKey: word, reason: word }] }, NOW)
    expect(widest(text)).toBeLessThanOrEqual(100)
    expect(text.match(/x/g)).toHaveLength(3_000)
  })

  it('should be as large as it comes with --wide: everything whole, a line for each member', () => {
    const status = worst()
    const text = statusText(status, NOW, true)
    expect(text).not.toContain('…')
    for (const { publicKey, peerId, links } of status.members) {
      const row = lines(text).find((line) => line.trim().startsWith(`${publicKey} `) && line.includes(peerId)) ?? ''
      expect(row).toMatch(/at Bitcoin block 900000/)
      for (const { remoteAddress } of links) expect(row).toContain(remoteAddress)
    }
  })
})
