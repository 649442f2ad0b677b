import { beforeEach, expect, it } from 'vitest'
import { asPendingId, asSetHash, asTranscriptHash, silentLogger } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import type { RotateKeysTx } from '../../../src/registry/index.ts'
import { NonceGuard } from '../../../src/rotation/cosign-guard.ts'
import { Cosigner } from '../../../src/rotation/cosigner.ts'
import { MAX_NAMED_FEES } from '../../../src/rotation/decide.ts'
import type { Cosignature, PendingSpec, VerifiedProposal } from '../../../src/rounds/index.ts'
import { memorySpace } from '../../fixtures/space.ts'
import { REGISTRY } from '../registry/support/fixtures.ts'
import { ManualClock } from '../registry/support/ports.ts'

const CHAIN_NONCE = 7
const [self, peer, other] = Array.from({ length: 3 }, () => KeyPair.generate()) as [KeyPair, KeyPair, KeyPair]
const keys = [self, peer, other].map((k) => k.publicKey).toSorted()
const spec: PendingSpec = {
  id: asPendingId('ab'.repeat(32)),
  parentSetHash: asSetHash('11'.repeat(32)),
  principal: 'SN000000000000000000002Q6VF78',
  ...{ keys, threshold: 2, attempt: 1, currentKeys: keys, currentThreshold: 2 },
}
const proposal: VerifiedProposal = {
  transcript: asTranscriptHash('cd'.repeat(32)),
  aggregateKey: other.publicKey,
  keygenAttempt: 1,
  certificate: new Uint8Array(),
  trialSignature: new Uint8Array(64),
}
const naming = (author: KeyPair, feeUstx: number, nonce = CHAIN_NONCE): Cosignature => ({
  ...{ author: author.publicKey, transcript: proposal.transcript, nonce, feeUstx },
  signature: new Uint8Array(65),
})

let checked: number
let cosigner: Cosigner
beforeEach(async () => {
  checked = 0
  const tx: RotateKeysTx = {
    payloadHash: async () => 'ab'.repeat(32),
    sign: async () => new Uint8Array(65),
    verify: async () => {
      checked++
      return true
    },
    rotationState: async () => ({ nonce: CHAIN_NONCE, aggregateKey: self.publicKey }),
    estimateFeeUstx: async () => 300,
    broadcast: async () => 'ab'.repeat(32),
  }
  cosigner = new Cosigner({
    ...{ self: self.publicKey, isKeyElsewhere: () => false, exposeSecret: () => self.exposeSecret(), spec, tx },
    ...{ nonces: new NonceGuard(memorySpace()), feeUstx: undefined, clock: new ManualClock(), logger: silentLogger },
    signal: new AbortController().signal,
    ...{ registryId: REGISTRY, watcher: { latest: () => undefined } },
  })
  await cosigner.askChain(proposal, self.publicKey)
})

it('should check and keep a bounded number of one member, and still hear the others', async () => {
  const many = Array.from({ length: MAX_NAMED_FEES * 16 + 50 }, (_, i) => naming(peer, i + 1))
  await cosigner.hear(many, proposal)
  expect(checked).toBe(MAX_NAMED_FEES * 16)
  expect(cosigner.facts().cosignatures).toHaveLength(MAX_NAMED_FEES * 16)
  await cosigner.hear([naming(other, 300)], proposal)
  expect(cosigner.facts().cosignatures.at(-1)?.author).toBe(other.publicKey)
})

it("should hear nothing for another nonce than the chain's, however many are named", async () => {
  await cosigner.hear([naming(peer, 300, CHAIN_NONCE - 1), naming(peer, 300, CHAIN_NONCE + 1)], proposal)
  expect(checked).toBe(0)
  expect(cosigner.facts().cosignatures).toEqual([])
  // Nor do they use up what the member may say at this one.
  const later = Array.from({ length: MAX_NAMED_FEES * 16 }, (_, i) => naming(peer, i + 1, CHAIN_NONCE + 1))
  await cosigner.hear([...later, naming(peer, 300)], proposal)
  expect(cosigner.facts().cosignatures).toHaveLength(1)
})

it('should hear nothing of another key', async () => {
  await cosigner.hear([{ ...naming(peer, 300), transcript: asTranscriptHash('ef'.repeat(32)) }], proposal)
  expect(checked).toBe(0)
})
