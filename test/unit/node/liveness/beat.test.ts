import { toBinary } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { concatBytes, LIMITS, utf8 } from '../../../../src/base/index.ts'
import { KeyPair } from '../../../../src/curve/index.ts'
import {
  BEAT_ROUND,
  BEAT_STEP,
  type Beat,
  decodeBeat,
  encodeBeat,
  MAX_DOUBLE_VOICE_BYTES,
  MAX_DOUBLE_VOICES,
} from '../../../../src/node/liveness/beat.ts'
import { BeatSchema } from '../../../../src/node/liveness/pb/beat_pb.ts'
import { sealEnvelope } from '../../../../src/p2p/envelope.ts'
import { beatOf } from './kit.ts'

const NOW = 1_700_000_000_000
const wire = (bytes: number) => new Uint8Array(bytes).fill(7)

describe('a beat', () => {
  it.each<[string, Beat]>([
    ['of a healthy member', beatOf(NOW)],
    ['of one that holds nothing', beatOf(0, { stacksHeight: 0, keyHeld: false, signing: false, registryFresh: false })],
    ['with proofs', beatOf(NOW, { doubleVoices: Array(MAX_DOUBLE_VOICES).fill(wire(MAX_DOUBLE_VOICE_BYTES)) })],
  ])('should be read as it was said: %s', (_what, beat) => {
    expect(decodeBeat(encodeBeat(beat))).toEqual(beat)
  })

  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['junk', utf8('junk')],
    ['a cut one', encodeBeat(beatOf(NOW)).slice(0, -1)],
    ['one with bytes after it', concatBytes(encodeBeat(beatOf(NOW)), Uint8Array.from([0x58, 1]))],
    ['a short set hash', encodeBeat({ ...beatOf(NOW), setHash: '11' as Beat['setHash'] })],
    ['a short block hash', encodeBeat({ ...beatOf(NOW), indexBlockHash: '11' })],
    ['a time beyond all times', encodeBeat({ ...beatOf(NOW), sentAtMs: 2 ** 60 })],
    ['too many proofs', encodeBeat(beatOf(NOW, { doubleVoices: Array(MAX_DOUBLE_VOICES + 1).fill(wire(9)) }))],
    ['a long proof', encodeBeat(beatOf(NOW, { doubleVoices: [wire(MAX_DOUBLE_VOICE_BYTES + 1)] }))],
    ['a huge one', wire(10_000)],
  ])('should be malformed, and no exception: %s', (_what, bytes) => {
    expect(decodeBeat(bytes)).toBe('malformed')
  })

  it('R14: should be no offence if a newer node says more', () => {
    const newer = toBinary(BeatSchema, { ...beatMessage(), version: 2 })
    expect(decodeBeat(concatBytes(newer, Uint8Array.from([0x58, 1])))).toBe('version')
  })
  const beatMessage = () => ({
    $typeName: 'countersign.node.liveness.v1.Beat' as const,
    ...{ setHash: wire(32), stacksHeight: 1n, burnHeight: 1n, indexBlockHash: wire(32), sentAtMs: 1n },
    ...{ keyHeld: true, signing: true, registryFresh: true, doubleVoices: [] },
  })

  it('should fit, in its envelope, into the proof that another member makes of it', () => {
    const envelope = sealEnvelope(KeyPair.generate(), 'topic', {
      ...{ round: BEAT_ROUND, attempt: 2 ** 31, step: BEAT_STEP, payload: encodeBeat(beatOf(NOW * 2)) },
      ...{ boot: NOW * 2, counter: 2 ** 40, expiresAtMs: NOW * 2 },
    })
    expect(envelope.length).toBeLessThanOrEqual(MAX_DOUBLE_VOICE_BYTES)
    expect(envelope.length).toBeLessThan(400)
    expect(MAX_DOUBLE_VOICE_BYTES * MAX_DOUBLE_VOICES).toBeLessThan(LIMITS.maxGossipBytes)
  })
})
