import { asSetHash, type SetHash } from '../../../../src/base/index.ts'
import { KeyPair } from '../../../../src/curve/index.ts'
import type { Beat } from '../../../../src/node/liveness/beat.ts'

export const OWN_SET = asSetHash('11'.repeat(32))
export const OTHER_SET = asSetHash('22'.repeat(32))
export const [SELF, ANN, BEN, CAT, DAN] = Array.from({ length: 5 }, () => KeyPair.generate()) as [
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
]

export const beatOf = (sentAtMs: number, over: Partial<Beat> & { readonly setHash?: SetHash } = {}): Beat => ({
  setHash: OWN_SET,
  stacksHeight: 70,
  burnHeight: 7,
  indexBlockHash: 'ab'.repeat(32),
  sentAtMs,
  keyHeld: true,
  signing: true,
  registryFresh: true,
  doubleVoices: [],
  ...over,
})
