import { describe, expect, it } from 'vitest'
import { asGroupKey, type PublicKey, silentLogger } from '../../../src/base/index.ts'
import { autoPolicyAllowed, createPolicy, type PolicyKind, requestBindings } from '../../../src/signer/index.ts'
import { FakeClock, FakeSpace, itemOf, memberKeys, policyInit } from './fixtures.ts'

const TESTNET = 0x80000000
const [MEMBER] = memberKeys(1) as [PublicKey]
const groupKey = asGroupKey('11'.repeat(32))
const request = (fill: number, requestId = 'aa') => ({ requestId, groupKey, items: [itemOf(fill)] })

function policyOf(kind: PolicyKind, chainId = TESTNET, network = 'devnet') {
  const space = new FakeSpace()
  const bindings = requestBindings({ space, logger: silentLogger, onFatal: () => {} })
  const clock = new FakeClock()
  const policy = createPolicy({ ...policyInit, kind, bindings, chainId, network, clock })
  return { space, bindings, clock, policy }
}

describe('policy "bridge"', () => {
  it('R27: should not consent before its own bridge asked, and write nothing', async () => {
    const { policy, space } = policyOf('bridge')
    expect(await policy.consent(request(1), MEMBER)).toBe('not_asked_yet')
    expect(space.puts).toEqual([])
  })
  it('R27: should consent to exactly what its own bridge asked', async () => {
    const { policy, bindings } = policyOf('bridge')
    await bindings.bind(request(1))
    expect(await policy.consent(request(1), MEMBER)).toBe('yes')
  })
  it('R27: should refuse another digest under the same request id', async () => {
    const { policy, bindings } = policyOf('bridge')
    await bindings.bind(request(1))
    expect(await policy.consent(request(2), MEMBER)).toBe('refused')
  })
  it('R27: should let a guessed id with an evil digest not block the true request', async () => {
    const { policy, bindings } = policyOf('bridge')
    await policy.consent(request(2), MEMBER)
    expect(await bindings.bind(request(1))).not.toBe('equivocation')
  })
  it('should work on mainnet', () => {
    expect(policyOf('bridge', 1, 'mainnet').policy.kind).toBe('bridge')
  })
})

describe('policy "auto"', () => {
  it('should consent to the first item of a request id, durably, and to that one again', async () => {
    const { policy, space } = policyOf('auto')
    expect(await policy.consent(request(1), MEMBER)).toBe('yes')
    expect(space.values.size).toBe(1)
    expect(await policy.consent(request(1), MEMBER)).toBe('yes')
  })
  it('should refuse a second item under one request id', async () => {
    const { policy } = policyOf('auto')
    await policy.consent(request(1), MEMBER)
    expect(await policy.consent(request(2), MEMBER)).toBe('refused')
  })
  it('should consent to one of two items that come at once', async () => {
    const { policy } = policyOf('auto')
    expect(await Promise.all([policy.consent(request(1), MEMBER), policy.consent(request(2), MEMBER)])).toEqual([
      'yes',
      'refused',
    ])
  })
  it.each([
    ['Mainnet', 1, 'mainnet'],
    ['MainnetNamedDevnet', 1, 'devnet'],
    ['TestnetNamedMainnet', TESTNET, 'mainnet'],
    ['TestnetNamedMainnetInCapitals', TESTNET, ' Mainnet '],
    ['UnknownChain', 12345, 'devnet'],
    ['NoChain', 0, 'devnet'],
  ])('R11: should be refused for %s', (_, chainId, network) => {
    expect(autoPolicyAllowed(chainId, network)).toBe(false)
    expect(() => policyOf('auto', chainId, network)).toThrow(expect.objectContaining({ code: 'POLICY_FORBIDDEN' }))
  })
  it('R11: should be allowed where the chain calls itself a testnet', () => {
    expect(autoPolicyAllowed(TESTNET, 'devnet')).toBe(true)
  })
})

describe.each(['bridge', 'auto'] as const)('policy "%s"', (kind) => {
  it.each([
    ['EmptyId', { ...request(1), requestId: '' }],
    ['OddId', { ...request(1), requestId: 'a' }],
    ['CapitalId', { ...request(1), requestId: 'AA' }],
    ['SlashInId', { ...request(1), requestId: '../aa' }],
    ['LongId', { ...request(1), requestId: 'aa'.repeat(65) }],
    ['NoItem', { ...request(1), items: [] }],
    ['TooManyItems', { ...request(1), items: Array.from({ length: 65 }, () => itemOf(1)) }],
    ['WrongSecondItem', { ...request(1), items: [itemOf(1), { ...itemOf(2), digest: new Uint8Array(31) }] }],
    ['ShortDigest', { ...request(1), items: [{ ...itemOf(1), digest: new Uint8Array(31) }] }],
    ['LongDigest', { ...request(1), items: [{ ...itemOf(1), digest: new Uint8Array(33) }] }],
    [
      'ShortRoot',
      { ...request(1), items: [{ ...itemOf(1), tweak: { kind: 'key' as const, merkleRoot: new Uint8Array(31) } }] },
    ],
  ])("should refuse a peer's malformed request: %s", async (_, malformed) => {
    const { policy, space } = policyOf(kind)
    expect(await policy.consent(malformed, MEMBER)).toBe('refused')
    expect(space.puts).toEqual([])
  })
})
