import { readFileSync } from 'node:fs'
import { getSDK, type Simnet } from '@stacks/clarinet-sdk'
import { Cl, type ClarityValue } from '@stacks/transactions'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { fromHex, type PublicKey, toHex } from '../../../src/base/index.ts'
import { hash160, KeyPair } from '../../../src/curve/index.ts'
import { multisigAddress } from '../../../src/devnet/chain/index.ts'

const vector = JSON.parse(readFileSync(new URL('../../vectors/registry.json', import.meta.url), 'utf8')) as {
  readonly raw_value: string
  readonly new_keys: PublicKey[]
  readonly new_address_hash160: string
  readonly new_aggregate_pubkey: string
  readonly new_signature_threshold: number
}
const source = (name: string) => readFileSync(new URL(`../../../contracts/${name}.clar`, import.meta.url), 'utf8')

const DEPLOYER = multisigAddress(vector.new_keys, vector.new_signature_threshold)
const STRANGER = 'ST1PQHQKV0RJXZFY1DGX8MNSNYVE3VGZJSRTPGZGM'
const REGISTRY = `${DEPLOYER}.sbtc-registry`
const WRAPPER = `${DEPLOYER}.sbtc-bootstrap-signers`
const AGGREGATE = vector.new_aggregate_pubkey
const OTHER_AGGREGATE = `03${AGGREGATE.slice(2)}`

/** Asks the registry for a rotation from a contract of its own: not the governance contract. */
const IMPOSTOR = `(define-public (rotate (keys (list 128 (buff 33))) (aggregate (buff 33)) (m uint))
  (contract-call? '${REGISTRY} rotate-keys keys tx-sender aggregate m))`

interface Rotation {
  readonly keys?: readonly string[]
  readonly aggregate?: string
  readonly threshold?: number
  readonly sender?: string
}
const keyList = (keys: readonly string[]) => Cl.list(keys.map((k) => Cl.bufferFromHex(k)))
const key = (i: number): PublicKey => KeyPair.fromSecret(new Uint8Array(32).fill(i + 1)).publicKey
const SHORT_KEY = '02'.repeat(32)

describe('sbtc-registry and its bootstrap governance', () => {
  let simnet: Simnet

  const rotate = ({ keys = vector.new_keys, aggregate = AGGREGATE, threshold = 2, sender = DEPLOYER }: Rotation = {}) =>
    simnet.callPublicFn(
      WRAPPER,
      'rotate-keys-wrapper',
      [keyList(keys), Cl.bufferFromHex(aggregate), Cl.uint(threshold)],
      sender,
    )
  const read = (fn: string, contract = REGISTRY, args: ClarityValue[] = []) =>
    simnet.callReadOnlyFn(contract, fn, args, STRANGER).result
  const signerData = () => read('get-current-signer-data')
  const expectErr = (code: number, rotation: Rotation) => {
    const before = signerData()
    expect(rotate(rotation).result).toEqual(Cl.error(Cl.uint(code)))
    expect(signerData()).toEqual(before)
  }

  beforeAll(async () => {
    simnet = await getSDK()
  })
  beforeEach(async () => {
    await simnet.initEmptySession({ enabled: false })
    simnet.setEpoch('3.0')
    for (const name of ['sbtc-registry', 'sbtc-bootstrap-signers'])
      simnet.deployContract(name, source(name), { clarityVersion: 3 }, DEPLOYER)
  })

  it('should say "not initialised" before the first rotation', () => {
    expect(signerData()).toEqual(
      Cl.tuple({
        'current-signer-set': Cl.list([]),
        'current-aggregate-pubkey': Cl.bufferFromHex('00'),
        'current-signer-principal': Cl.principal(DEPLOYER),
        'current-signature-threshold': Cl.uint(0),
      }),
    )
  })

  it('should take the first rotation from the deployer, and tell the new set by every reader', () => {
    expect(rotate().result).toEqual(Cl.ok(Cl.bool(true)))
    const set = keyList(vector.new_keys)
    expect(signerData()).toEqual(
      Cl.tuple({
        'current-signer-set': set,
        'current-aggregate-pubkey': Cl.bufferFromHex(AGGREGATE),
        'current-signer-principal': Cl.principal(DEPLOYER),
        'current-signature-threshold': Cl.uint(2),
      }),
    )
    expect(read('get-current-signer-set')).toEqual(set)
    expect(read('get-current-aggregate-pubkey')).toEqual(Cl.bufferFromHex(AGGREGATE))
    expect(read('get-current-signer-principal')).toEqual(Cl.principal(DEPLOYER))
  })

  it('should print the event of a real rotation, byte for byte', () => {
    const events = rotate().events
    expect(events).toHaveLength(1)
    expect(events[0]?.event).toBe('print_event')
    expect(events[0]?.data).toMatchObject({
      contract_identifier: REGISTRY,
      topic: 'print',
      raw_value: vector.raw_value,
    })
  })

  it('should compute the principal of the vector', () => {
    const hash = read('pubkeys-to-hash', WRAPPER, [keyList(vector.new_keys), Cl.uint(2)])
    expect(hash).toEqual(Cl.bufferFromHex(vector.new_address_hash160))
    const principal = read('pubkeys-to-principal', WRAPPER, [keyList(vector.new_keys), Cl.uint(2)])
    expect(Cl.serialize(principal)).toBe(`0515${vector.new_address_hash160}`)
  })

  it('should compute the principals that @stacks/transactions computes, up to its 15 keys', () => {
    for (const [n, m] of [
      [2, 2],
      [5, 3],
      [15, 11],
    ] as const) {
      const keys = Array.from({ length: n }, (_, i) => key(i))
      const principal = read('pubkeys-to-principal', WRAPPER, [keyList(keys), Cl.uint(m)])
      expect(principal, `${m} of ${n}`).toEqual(Cl.principal(multisigAddress(keys, m)))
    }
  })

  it('should compute the principal of 16 keys, the most that opcodes can say (R3)', () => {
    const keys = Array.from({ length: 16 }, (_, i) => key(i))
    const script = fromHex(`59${keys.map((k) => `21${k}`).join('')}60ae`)
    const hash = read('pubkeys-to-hash', WRAPPER, [keyList(keys), Cl.uint(9)])
    expect(hash).toEqual(Cl.bufferFromHex(toHex(hash160(script))))
  })

  it('should take the principal from the keys in list order', () => {
    const reversed = vector.new_keys.toReversed()
    const principal = read('pubkeys-to-principal', WRAPPER, [keyList(reversed), Cl.uint(2)])
    expect(principal).toEqual(Cl.principal(multisigAddress(reversed, 2)))
    expect(principal).not.toEqual(Cl.principal(DEPLOYER))
  })

  it('should hold the longest list', () => {
    const keys = Array.from({ length: 128 }, () => key(0))
    expect(rotate({ keys, threshold: 65 }).result).toEqual(Cl.ok(Cl.bool(true)))
  })

  it.each([
    ['no key', 200, { keys: [] }],
    ['one key', 200, { keys: vector.new_keys.slice(0, 1), threshold: 1 }],
    ['a threshold of zero', 202, { threshold: 0 }],
    ['a threshold that is half of four', 202, { keys: [0, 1, 2, 3].map(key), threshold: 2 }],
    ['a threshold that is a third', 202, { threshold: 1 }],
    ['a threshold above the number of keys', 202, { threshold: 4 }],
    ['a sender who is not the current signers', 201, { sender: STRANGER }],
    ['a short first key', 210, { keys: [SHORT_KEY, ...vector.new_keys.slice(1)] }],
    ['a short third key', 212, { keys: [...vector.new_keys.slice(0, 2), SHORT_KEY] }],
    ['an empty second key', 211, { keys: [key(0), '', key(1)] }],
    ['a short aggregate key', 200, { aggregate: AGGREGATE.slice(2) }],
  ] as const)('should refuse %s with u%i', (_what, code, rotation) => {
    expectErr(code, rotation)
  })

  it.each([
    ['number of keys before threshold', 200, { keys: [key(0)], threshold: 9, sender: STRANGER, aggregate: '02' }],
    ['threshold before sender', 202, { threshold: 9, sender: STRANGER, keys: [SHORT_KEY, SHORT_KEY] }],
    ['sender before size of the keys', 201, { sender: STRANGER, keys: [SHORT_KEY, SHORT_KEY] }],
    ['the first short key before the next', 211, { keys: [key(0), SHORT_KEY, SHORT_KEY] }],
    ['size of the keys before size of the aggregate key', 210, { keys: [SHORT_KEY, key(1)], aggregate: '02' }],
  ] as const)('should check %s', (_what, code, rotation) => {
    expectErr(code, rotation)
  })

  it('should check size of the aggregate key before its replay', () => {
    rotate()
    expectErr(200, { aggregate: AGGREGATE.slice(2) })
  })

  it('should refuse an aggregate key that was used before, and only that', () => {
    expect(rotate().result).toEqual(Cl.ok(Cl.bool(true)))
    expectErr(402, {})
    expect(rotate({ aggregate: OTHER_AGGREGATE }).result).toEqual(Cl.ok(Cl.bool(true)))
    expectErr(402, {})
    expectErr(402, { aggregate: OTHER_AGGREGATE })
  })

  it('should not remember the aggregate key of a refused rotation', () => {
    expectErr(202, { threshold: 9 })
    expect(rotate().result).toEqual(Cl.ok(Cl.bool(true)))
  })

  it('should hand the right to rotate to the new signers, and take it from the old', () => {
    const keys = [key(7), key(8), key(9)]
    const next = multisigAddress(keys, 2)
    expect(rotate({ keys }).result).toEqual(Cl.ok(Cl.bool(true)))
    expectErr(201, { aggregate: OTHER_AGGREGATE })
    expect(rotate({ aggregate: OTHER_AGGREGATE, sender: next }).result).toEqual(Cl.ok(Cl.bool(true)))
  })

  it.each([
    ['the deployer', DEPLOYER],
    ['a stranger', STRANGER],
  ])('should refuse a rotation of the registry itself by %s with u400', (_who, sender) => {
    const before = signerData()
    const args = [keyList(vector.new_keys), Cl.principal(STRANGER), Cl.bufferFromHex(AGGREGATE), Cl.uint(2)]
    const { result, events } = simnet.callPublicFn(REGISTRY, 'rotate-keys', args, sender)
    expect(result).toEqual(Cl.error(Cl.uint(400)))
    expect(events).toEqual([])
    expect(signerData()).toEqual(before)
  })

  it('should refuse another contract that the deployer calls with u400', () => {
    simnet.deployContract('impostor', IMPOSTOR, { clarityVersion: 3 }, DEPLOYER)
    const args = [keyList(vector.new_keys), Cl.bufferFromHex(AGGREGATE), Cl.uint(2)]
    const { result } = simnet.callPublicFn(`${DEPLOYER}.impostor`, 'rotate', args, DEPLOYER)
    expect(result).toEqual(Cl.error(Cl.uint(400)))
  })

  it('should not know a governance contract of another deployer', () => {
    const wrapper = source('sbtc-bootstrap-signers').replaceAll('.sbtc-registry', `'${REGISTRY}`)
    simnet.deployContract('sbtc-bootstrap-signers', wrapper, { clarityVersion: 3 }, STRANGER)
    const args = [keyList(vector.new_keys), Cl.bufferFromHex(AGGREGATE), Cl.uint(2)]
    const foreign = `${STRANGER}.sbtc-bootstrap-signers`
    expect(simnet.callPublicFn(foreign, 'rotate-keys-wrapper', args, DEPLOYER).result).toEqual(Cl.error(Cl.uint(400)))
  })
})
