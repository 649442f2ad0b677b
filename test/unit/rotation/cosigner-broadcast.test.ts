import { expect, it } from 'vitest'
import { CodedError, type PendingId, type SetHash, systemClock, type TranscriptHash } from '../../../src/base/index.ts'
import { createRotateKeysTx, principalOf, type RotateKeysTx } from '../../../src/registry/index.ts'
import { NonceGuard } from '../../../src/rotation/cosign-guard.ts'
import { Cosigner } from '../../../src/rotation/cosigner.ts'
import { memorySpace } from '../../fixtures/space.ts'
import { AGGREGATE_2, keyPairs, publicKeys, REGISTRY } from '../registry/support/fixtures.ts'
import { MemoryLogger } from '../registry/support/ports.ts'

const SIGNERS = publicKeys(3)
const [SELF] = keyPairs(3)

/** Of a member that sends rotate-keys, and is told no by its Stacks node. */
async function refusedWith(reason: string) {
  if (SELF === undefined) throw new Error('fixture')
  const logger = new MemoryLogger()
  const tx: RotateKeysTx = createRotateKeysTx({ registryId: REGISTRY, clients: [] })
  tx.broadcast = async () => {
    throw new CodedError('TX_REJECTED', `rejected (${reason}); check the account's nonce, balance and fee`, { reason })
  }
  const cosigner = new Cosigner({
    self: SELF.publicKey,
    isKeyElsewhere: () => false,
    exposeSecret: () => SELF.exposeSecret(),
    registryId: REGISTRY,
    watcher: { latest: () => undefined },
    spec: {
      id: 'cd'.repeat(32) as PendingId,
      parentSetHash: 'ef'.repeat(32) as SetHash,
      keys: publicKeys(4, 2),
      threshold: 3,
      attempt: 0,
      currentKeys: SIGNERS,
      currentThreshold: 2,
      principal: principalOf(REGISTRY.chainId, SIGNERS, 2),
    },
    tx,
    nonces: new NonceGuard(memorySpace()),
    feeUstx: 3_000,
    clock: systemClock,
    logger,
    signal: new AbortController().signal,
  })
  const proposal = {
    ...{ keygenAttempt: 1, transcript: 'ab'.repeat(32) as TranscriptHash, aggregateKey: AGGREGATE_2 },
    ...{ certificate: new Uint8Array(), trialSignature: new Uint8Array() },
  }
  await cosigner.broadcast(proposal, { nonce: 4, feeUstx: 3_000 })
  return { logged: JSON.stringify(logger.lines), rejection: cosigner.rejection }
}

it.each(['ConflictingNonceInMempool', 'BadNonce'])(
  'should say that nothing is to be mended where another member was first: %s',
  async (reason) => {
    const { logged, rejection } = await refusedWith(reason)
    expect(logged).toContain('on its way already')
    expect(logged).toContain(reason)
    expect(logged).not.toMatch(/not taken|check the account/)
    expect(rejection).toBeUndefined()
  },
)

it('should say what is to be mended of another refusal', async () => {
  const { logged, rejection } = await refusedWith('FeeTooLow')
  expect(logged).toMatch(/not taken.*check the account/)
  expect(logged).not.toContain('on its way already')
  expect(rejection).toContain('FeeTooLow')
})
