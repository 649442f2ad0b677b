import { equalBytes } from '../../base/index.ts'
import { type Curve, curve } from '../../curve/index.ts'
import type { NonceCommitment } from '../types.ts'

/** Two points of 33 bytes, neither the identity (RFC 9591 §3.1). */
export const isNonceCommitment = (c: NonceCommitment, port: Curve = curve): boolean =>
  port.isPoint(c.hiding) && port.isPoint(c.binding)

export const sameCommitment = (a: NonceCommitment, b: NonceCommitment): boolean =>
  equalBytes(a.hiding, b.hiding) && equalBytes(a.binding, b.binding)
