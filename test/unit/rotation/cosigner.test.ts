import { describe, expect, it } from 'vitest'
import {
  type Clock,
  CodedError,
  type PendingId,
  type SetHash,
  silentLogger,
  systemClock,
  type TranscriptHash,
} from '../../../src/base/index.ts'
import {
  createRotateKeysTx,
  principalOf,
  type RotateKeysTx,
  type Snapshot,
  validateSignerData,
} from '../../../src/registry/index.ts'
import { NonceGuard } from '../../../src/rotation/cosign-guard.ts'
import { Cosigner } from '../../../src/rotation/cosigner.ts'
import { memorySpace } from '../../fixtures/space.ts'
import { AGGREGATE_2, goodTuple, keyPairs, publicKeys, REGISTRY } from '../registry/support/fixtures.ts'
import { ManualClock } from '../registry/support/ports.ts'

const SIGNERS = publicKeys(3)
const PRINCIPAL = principalOf(REGISTRY.chainId, SIGNERS, 2)
const TIP = { indexBlockHash: '22'.repeat(32), stacksHeight: 7, burnHeight: 7 }
const PROPOSAL = {
  keygenAttempt: 1,
  transcript: 'ab'.repeat(32) as TranscriptHash,
  aggregateKey: AGGREGATE_2,
  certificate: new Uint8Array(),
  trialSignature: new Uint8Array(),
}

function setOf(n: number, from = 1): Snapshot {
  const tuple = goodTuple(n, from)
  const state = validateSignerData(REGISTRY, { ...tuple, threshold: BigInt(tuple.threshold) })
  if (state.kind !== 'set') throw new Error('fixture')
  return { kind: 'set', set: state.set, tip: TIP, readAtMs: 0 }
}

/** Of a pending set whose parent has `SIGNERS`, two of three; `now` is what the registry holds when it signs. */
function cosigner(
  now: Snapshot,
  isKeyElsewhere = (): boolean => false,
  { clock = systemClock, tx }: { readonly clock?: Clock; readonly tx?: Partial<RotateKeysTx> } = {},
) {
  const [self] = keyPairs(3)
  if (self === undefined) throw new Error('fixture')
  const space = memorySpace()
  const made = new Cosigner({
    self: self.publicKey,
    isKeyElsewhere,
    exposeSecret: () => self.exposeSecret(),
    registryId: REGISTRY,
    watcher: { latest: () => now },
    spec: {
      id: 'cd'.repeat(32) as PendingId,
      parentSetHash: 'ef'.repeat(32) as SetHash,
      keys: publicKeys(4, 2),
      threshold: 3,
      attempt: 0,
      currentKeys: SIGNERS,
      currentThreshold: 2,
      principal: PRINCIPAL,
    },
    tx: Object.assign(createRotateKeysTx({ registryId: REGISTRY, clients: [] }), tx),
    nonces: new NonceGuard(space),
    feeUstx: 3_000,
    clock,
    logger: silentLogger,
    signal: new AbortController().signal,
  })
  return { space, made, sign: () => made.sign(PROPOSAL, { nonce: 4, feeUstx: 3_000 }) }
}

it('R17: should sign nothing where its key was heard elsewhere while the nonce was written', async () => {
  const { sign, space } = cosigner(setOf(3), () => true)
  await expect(sign()).rejects.toMatchObject({
    code: 'KEY_IN_USE_ELSEWHERE',
    message: expect.stringMatching(/stop it/),
  })
  // What is fixed for that nonce is the same payload, if it is ever signed.
  expect(await space.entries()).toHaveLength(1)
})

describe('a chain that does not answer', () => {
  const down = () => Promise.reject(new Error('ECONNREFUSED'))
  const refused = () => Promise.reject(new CodedError('TX_REJECTED', 'BadNonce', { reason: 'BadNonce' }))

  it('should be left alone for longer each time, up to a minute, and then be asked again as before', async () => {
    const clock = new ManualClock()
    let rotationState: RotateKeysTx['rotationState'] = down
    const { made } = cosigner(setOf(3), undefined, {
      clock,
      tx: { rotationState: (...args) => rotationState(...args) },
    })
    const ask = () => made.askChain(PROPOSAL, AGGREGATE_2)
    const restMs = () => made.facts().chainRestUntilMs - clock.monotonicMs()
    const rests: number[] = []
    for (let i = 0; i < 8; i++) {
      await expect(ask()).rejects.toThrow('ECONNREFUSED')
      rests.push(restMs())
    }
    expect(rests).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
    expect(made.rejection).toContain('ECONNREFUSED')
    rotationState = async () => ({ nonce: 4, aggregateKey: AGGREGATE_2 })
    await ask()
    expect(made.rejection).toBeUndefined()
    rotationState = down
    await expect(ask()).rejects.toThrow('ECONNREFUSED')
    expect(restMs()).toBe(1_000)
  })

  it('should not be sent a transaction at every look, and a refusal is an answer', async () => {
    const clock = new ManualClock()
    let broadcast: RotateKeysTx['broadcast'] = down
    const { made } = cosigner(setOf(3), undefined, { clock, tx: { broadcast: (...args) => broadcast(...args) } })
    const send = () => made.broadcast(PROPOSAL, { nonce: 4, feeUstx: 3_000 })
    await expect(send()).rejects.toThrow('ECONNREFUSED')
    expect(made.facts().chainRestUntilMs - clock.monotonicMs()).toBe(1_000)
    expect(made.facts().sentFees.size).toBe(0)
    clock.advance(1_000)
    broadcast = refused
    await send()
    expect(made.facts().chainRestUntilMs).toBeLessThanOrEqual(clock.monotonicMs())
    expect(made.facts().sentFees.size).toBe(1)
  })
})

describe('R3: the account of what is co-signed', () => {
  it.each<[string, Snapshot]>([
    ['current set', setOf(3)],
    ['deployer while there is no set', { kind: 'uninitialised', deployer: PRINCIPAL, tip: TIP, readAtMs: 0 }],
  ])('R3: should be that of the %s', async (_what, now) => {
    const { sign, made } = cosigner(now)
    expect((await sign()).signature).toHaveLength(65)
    expect(made.hasSigned).toBe(true)
  })

  it.each<[string, Snapshot]>([
    ['set that stands on chain by now', setOf(4, 2)],
    ['deployer', { kind: 'uninitialised', deployer: principalOf(REGISTRY.chainId, SIGNERS, 3), tip: TIP, readAtMs: 0 }],
  ])('R3: should sign nothing and take no nonce where it is not that of the %s', async (_what, now) => {
    const { sign, made, space } = cosigner(now)
    await expect(sign()).rejects.toMatchObject({ code: 'TX_WRONG_PRINCIPAL' })
    expect(made.hasSigned).toBe(false)
    expect(await space.entries()).toEqual([])
  })
})
