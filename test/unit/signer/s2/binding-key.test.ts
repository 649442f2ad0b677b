import { describe, expect, it } from 'vitest'
import type { MusigForm, MusigParams } from '../../../../src/signer/index.ts'
import {
  nonceBindingKey,
  paramsHash,
  parseBindingKey,
  partialUse,
  WOTS_EXPORT_USE,
  wotsBindingKey,
  wotsMessageUse,
} from '../../../../src/signer/s2/binding-key.ts'
import { bytes } from './service-fixtures.ts'

const different = (values: readonly (Uint8Array | string)[]) =>
  expect(new Set(values.map((v) => (typeof v === 'string' ? v : Buffer.from(v).toString('hex')))).size).toBe(
    values.length,
  )

const owner = { ownPublicKey: bytes(1), aggregateKey: bytes(2), ownIndex: 0 }
const keys = (...fills: number[]) => fills.map((fill) => bytes(fill))
const key = (merkleRoot: Uint8Array | null): MusigParams['tweak'] => ({ kind: 'key', merkleRoot })

describe('what a binding is found by', () => {
  it('R30: should be all that makes a nonce, each by itself', () => {
    const forms: MusigForm[] = [
      { kind: 'sighash', sighash: bytes(1) },
      { kind: 'sighash', sighash: bytes(2) },
      { kind: 'outpoint', txid: bytes(1), vout: 0 },
      { kind: 'outpoint', txid: bytes(1), vout: 1 },
      { kind: 'outpoint', txid: bytes(2), vout: 0 },
    ]
    different([
      ...forms.map((form) => nonceBindingKey(form, owner)),
      ...[{ ownPublicKey: bytes(9) }, { aggregateKey: bytes(9) }, { ownIndex: 1 }].map((other) =>
        nonceBindingKey({ kind: 'sighash', sighash: bytes(1) }, { ...owner, ...other }),
      ),
    ])
  })
  it('R34: should be all that makes a one-time key', () => {
    const place = { txid: bytes(1), vout: 1, index: 2 }
    different([
      wotsBindingKey({ bits: 128, place }, bytes(3)),
      wotsBindingKey({ bits: 256, place }, bytes(3)),
      wotsBindingKey({ bits: 128, place }, bytes(4)),
      ...[{ txid: bytes(2) }, { vout: 2, index: 1 }, { index: 1 }].map((other) =>
        wotsBindingKey({ bits: 128, place: { ...place, ...other } }, bytes(3)),
      ),
    ])
  })
  it('should be read again as it was written, and nothing else', () => {
    const name = nonceBindingKey({ kind: 'sighash', sighash: bytes(1) }, owner)
    expect(parseBindingKey(name)).toBe(name)
    for (const other of ['', name.slice(1), `x${name.slice(1)}`, `${name}0`, name.toUpperCase(), `${name}\n`])
      expect(parseBindingKey(other)).toBeUndefined()
  })
})

describe('the use that is bound', () => {
  it('R30: should be everything else that enters a partial signature', () => {
    const hash = (orderedPublicKeys: readonly Uint8Array[], tweak: MusigParams['tweak']) =>
      paramsHash({ orderedPublicKeys, tweak })
    const params = hash(keys(1, 2, 3), key(null))
    different([
      partialUse(params, bytes(1, 66), bytes(1)),
      partialUse(params, bytes(2, 66), bytes(1)),
      partialUse(params, bytes(1, 66), bytes(2)),
      ...[
        hash(keys(1, 3, 2), key(null)),
        hash(keys(1, 2), key(null)),
        hash(keys(1, 2, 4), key(null)),
        hash(keys(1, 2, 3), { kind: 'script' }),
        hash(keys(1, 2, 3), key(bytes(0))),
        hash(keys(1, 2, 3), key(bytes(1))),
      ].map((other) => partialUse(other, bytes(1, 66), bytes(1))),
    ])
  })
  it('R34: should be a message, or the export', () => {
    different([
      wotsMessageUse(128, bytes(1, 16)),
      wotsMessageUse(128, bytes(2, 16)),
      wotsMessageUse(256, bytes(1, 32)),
      WOTS_EXPORT_USE,
    ])
  })
})
