import { beforeEach, describe, expect, it } from 'vitest'
import { LIMITS, type PeerIdStr } from '../../../src/base/index.ts'
import { HostQuota } from '../../../src/gating/host-quota.ts'
import { HOST_REFUSALS } from '../../../src/gating/index.ts'
import { DENIAL_REASONS } from '../../../src/p2p/index.ts'
import { ManualClock } from '../registry/support/ports.ts'

const MEMBER = 'member' as PeerIdStr
const OTHER = 'other' as PeerIdStr

let clock: ManualClock
let admitted: Set<PeerIdStr>
let quota: HostQuota
beforeEach(() => {
  clock = new ManualClock()
  admitted = new Set([MEMBER, OTHER])
  quota = new HostQuota({ clock, isAdmitted: (peer) => admitted.has(peer) })
})

/** Begins up to `most` handshakes and leaves them pending; how many were let, and why the next one was not. */
function begin(host: string, most = 1_000): { readonly begun: number; readonly reason: string | undefined } {
  for (let begun = 0; begun < most; begun++) {
    const handshake = quota.begin(host)
    if (!handshake.ok) return { begun, reason: handshake.reason }
  }
  return { begun: most, reason: undefined }
}
/** Handshakes that end at once. */
function pass(host: string, most: number): number {
  for (let passed = 0; passed < most; passed++) {
    const handshake = quota.begin(host)
    if (!handshake.ok) return passed
    handshake.value()
  }
  return most
}

describe('HostQuota', () => {
  it('should cap the pending handshakes of a host', () => {
    expect(begin('a')).toEqual({ begun: LIMITS.maxPendingPerStrangerHost, reason: 'host_pending' })
    expect(begin('b', 1)).toEqual({ begun: 1, reason: undefined })
  })
  it('should cap the pending handshakes of all strangers together', () => {
    for (let i = 0; i < LIMITS.maxPendingOfStrangers; i++) begin(`h${i}`, 1)
    expect(begin('one more')).toEqual({ begun: 0, reason: 'inbound_full' })
  })
  it('should keep room for the hosts of members while strangers take all of theirs', () => {
    quota.vouch(MEMBER, 'm')
    for (let i = 0; i < LIMITS.maxPendingOfStrangers; i++) begin(`h${i}`, 1)
    expect(begin('m').begun).toBe(LIMITS.maxPendingPerMemberHost)
  })
  it("should not count a member's host among the strangers", () => {
    quota.vouch(MEMBER, 'm')
    begin('m')
    for (let i = 0; i < LIMITS.maxPendingOfStrangers; i++) expect(begin(`h${i}`, 1).begun).toBe(1)
  })
  it("should cap even a member's host, so that a flood from its NAT leaves room for the others", () => {
    quota.vouch(MEMBER, 'm')
    quota.vouch(OTHER, 'n')
    expect(begin('m')).toEqual({ begun: LIMITS.maxPendingPerMemberHost, reason: 'host_pending' })
    expect(begin('n').begun).toBe(LIMITS.maxPendingPerMemberHost)
  })
  it("should cap all members' hosts together, and leave each of them one handshake all the same", () => {
    const hosts = Array.from(
      { length: 2 + LIMITS.maxPendingOfMembers / LIMITS.maxPendingPerMemberHost },
      (_, i) => `m${i}`,
    )
    for (const [i, host] of hosts.entries()) {
      admitted.add(`member ${i}` as PeerIdStr)
      quota.vouch(`member ${i}` as PeerIdStr, host)
    }
    const begun = hosts.map((host) => begin(host).begun)
    expect(begun.slice(0, -2)).toEqual(begun.slice(0, -2).map(() => LIMITS.maxPendingPerMemberHost))
    expect(begin(hosts.at(-1) ?? '')).toEqual({ begun: 0, reason: 'inbound_full' })
    expect(begun.slice(-2)).toEqual([1, 1])
  })
  it("should give the room of members' hosts back", () => {
    quota.vouch(MEMBER, 'm')
    for (let i = 0; i < 2 * LIMITS.maxPendingOfMembers; i++) expect(pass('m', 1), `${i}`).toBe(i < 50 ? 1 : 0)
    quota.vouch(OTHER, 'n')
    expect(begin('n').begun).toBe(LIMITS.maxPendingPerMemberHost)
  })
  it('should believe a voucher only while its peer is admitted', () => {
    quota.vouch(MEMBER, 'm')
    admitted.delete(MEMBER)
    expect(begin('m').begun).toBe(LIMITS.maxPendingPerStrangerHost)
  })
  it('should let a peer vouch for its last host only', () => {
    quota.vouch(MEMBER, 'm')
    quota.vouch(MEMBER, 'elsewhere')
    expect(begin('m').begun).toBe(LIMITS.maxPendingPerStrangerHost)
    expect(begin('elsewhere').begun).toBe(LIMITS.maxPendingPerMemberHost)
  })
  it('should count a handshake as a stranger until it ends, though its host became a member', () => {
    const handshakes = Array.from({ length: LIMITS.maxPendingPerStrangerHost }, () => quota.begin('m'))
    quota.vouch(MEMBER, 'm')
    for (const h of handshakes) if (h.ok) h.value()
    for (let i = 0; i < LIMITS.maxPendingOfStrangers; i++) expect(begin(`h${i}`, 1).begun).toBe(1)
    expect(begin('one more').reason).toBe('inbound_full')
  })
  it('should release a handshake once, however often it is told', () => {
    const first = quota.begin('a')
    begin('a')
    if (first.ok) for (let i = 0; i < 3; i++) first.value()
    expect(begin('a').begun).toBe(1)
  })
  it('should release a handshake that nobody ends at its deadline, and not before', () => {
    begin('a')
    clock.advance(LIMITS.handshakeTimeoutMs - 1)
    expect(begin('a').reason).toBe('host_pending')
    clock.advance(1)
    expect(begin('a').begun).toBe(LIMITS.maxPendingPerStrangerHost)
  })
  it('should leave no timer behind a handshake that ended', () => {
    pass('a', 5)
    expect(clock.pending).toBe(0)
  })
  it('should cap the handshakes of a host per second, even if each ends at once', () => {
    expect(pass('a', 1_000)).toBe(LIMITS.inboundPerSecondPerHost)
    expect(begin('a').reason).toBe('host_rate')
    expect(pass('b', 1)).toBe(1)
    clock.advance(1_000)
    expect(pass('a', 1_000)).toBe(LIMITS.inboundPerSecondPerHost)
  })
  it('should forget the rate of the host that was quiet longest rather than remember more', () => {
    pass('quiet', 1_000)
    pass('busy', 1_000)
    for (let i = 0; i < LIMITS.maxRatedHosts - 1; i++) {
      pass(`h${i}`, 1)
      if (i % 1_000 === 0) pass('busy', 1)
    }
    expect(pass('busy', 1)).toBe(0)
    expect(pass('quiet', 1)).toBe(1)
  })
  it('should refuse for reasons that the denial counters know', () => {
    expect(DENIAL_REASONS).toEqual(expect.arrayContaining([...HOST_REFUSALS]))
  })
})

describe('the quota of a relay', () => {
  it('should be that of a member while the relay is admitted, and apart from its host', () => {
    quota.vouch(MEMBER, 'm')
    expect(begin('m').begun).toBe(LIMITS.maxPendingPerMemberHost)
    expect(begin(`relay ${MEMBER}`).begun).toBe(LIMITS.maxPendingPerMemberHost)
    admitted.delete(OTHER)
    expect(begin(`relay ${OTHER}`).begun).toBe(LIMITS.maxPendingPerStrangerHost)
  })
})
