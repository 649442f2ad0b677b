import type { MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import { CONTROL } from './methods/control.ts'
import { KEYS } from './methods/keys.ts'
import { MUSIG2 } from './methods/musig2.ts'
import { P2P } from './methods/p2p.ts'
import { PREIMAGES } from './methods/preimages.ts'
import { SCHNORR } from './methods/schnorr.ts'
import { THRESHOLD } from './methods/threshold.ts'
import { WOTS } from './methods/wots.ts'
import type { MethodRow } from './row.ts'

/** Every method there is. */
const TABLE = {
  ...CONTROL,
  ...THRESHOLD,
  ...SCHNORR,
  ...P2P,
  ...MUSIG2,
  ...PREIMAGES,
  ...WOTS,
  ...KEYS,
} as const satisfies Readonly<Record<string, MethodRow>>

type Table = typeof TABLE
export type Method = keyof Table
export type RequestDesc<M extends Method> = Table[M] extends MethodRow<infer Q, infer _A> ? Q : never
export type ResponseDesc<M extends Method> = Table[M] extends MethodRow<infer _Q, infer A> ? A : never
/** Decoded and checked params of a method. */
export type Params<M extends Method> = MessageShape<RequestDesc<M>>
/** What a handler may return for a method, and a client may send as params. */
export type ParamsInit<M extends Method> = MessageInitShape<RequestDesc<M>>
export type Result<M extends Method> = MessageShape<ResponseDesc<M>>
export type ResultInit<M extends Method> = MessageInitShape<ResponseDesc<M>>

export const METHODS: { readonly [M in Method]: MethodRow<RequestDesc<M>, ResponseDesc<M>> } = TABLE

export function isMethod(name: string): name is Method {
  return Object.hasOwn(METHODS, name)
}
export const METHOD_NAMES: readonly Method[] = Object.keys(METHODS).filter(isMethod)

export type S2Method =
  | keyof typeof SCHNORR
  | keyof typeof P2P
  | keyof typeof MUSIG2
  | keyof typeof PREIMAGES
  | keyof typeof WOTS
export type KeyMethod = keyof typeof KEYS

/** Methods of the secret service, which need its seed. */
export const isS2Method = (method: Method): method is S2Method =>
  [SCHNORR, P2P, MUSIG2, PREIMAGES, WOTS].some((part) => Object.hasOwn(part, method))
export const isKeyMethod = (method: Method): method is KeyMethod => Object.hasOwn(KEYS, method)
