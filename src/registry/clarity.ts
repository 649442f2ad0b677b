import type { ClarityValue } from '@stacks/transactions'
import { isHex } from '../base/index.ts'
import { SIGNER_VARS, type SignerVar } from './pinned-read.ts'
import type { RawSignerData } from './validate.ts'

/** Loaded on first use: the library takes 27–82 ms to import. */
export const loadStacks = () => import('@stacks/transactions')

/**
 * A Clarity value from `0x…`. Throws TypeError. The library reads past the end without complaint and ignores what follows,
 * so only what encodes back to the same bytes is taken.
 */
export async function decodeClarity(hex: unknown): Promise<ClarityValue> {
  if (typeof hex !== 'string' || !hex.startsWith('0x') || !isHex(hex.slice(2)))
    throw new TypeError('expected a Clarity value in lower-case hex with 0x')
  const { deserializeCV, serializeCV } = await loadStacks()
  let value: ClarityValue
  let again: string
  try {
    value = deserializeCV(hex)
    again = serializeCV(value)
  } catch (error) {
    throw new TypeError('not a Clarity value', { cause: error })
  }
  if (again !== hex.slice(2)) throw new TypeError('not the canonical encoding of a Clarity value')
  return value
}

/** The tuple of `get-current-signer-data`, from `0x…`. Throws TypeError. */
export async function decodeSignerData(hex: unknown): Promise<RawSignerData> {
  const { ClarityType } = await loadStacks()
  const tuple = await decodeClarity(hex)
  if (tuple.type !== ClarityType.Tuple) throw new TypeError('signer data: expected a tuple')
  return signerDataOf(new Map(Object.entries(tuple.value)))
}

/** The same four from their data variables, each `0x…`, in the order of SIGNER_VARS. Throws TypeError. */
export async function decodeSignerVars(hexes: readonly string[]): Promise<RawSignerData> {
  const values = await Promise.all(hexes.map((hex) => decodeClarity(hex)))
  return signerDataOf(new Map(SIGNER_VARS.flatMap((name, i) => (values[i] === undefined ? [] : [[name, values[i]]]))))
}

async function signerDataOf(values: ReadonlyMap<string, ClarityValue>): Promise<RawSignerData> {
  const { ClarityType } = await loadStacks()
  const field = (name: SignerVar): ClarityValue => {
    const value = values.get(name)
    if (value === undefined) throw new TypeError(`signer data: no field ${name}`)
    return value
  }
  const buffer = (value: ClarityValue, what: string): Uint8Array => {
    if (value.type !== ClarityType.Buffer) throw new TypeError(`signer data: ${what} is not a buffer`)
    return Uint8Array.from(Buffer.from(value.value, 'hex'))
  }
  const keys = field('current-signer-set')
  if (keys.type !== ClarityType.List) throw new TypeError('signer data: current-signer-set is not a list')
  const threshold = field('current-signature-threshold')
  if (threshold.type !== ClarityType.UInt) throw new TypeError('signer data: threshold is not a uint')
  const principal = field('current-signer-principal')
  if (principal.type !== ClarityType.PrincipalStandard && principal.type !== ClarityType.PrincipalContract)
    throw new TypeError('signer data: current-signer-principal is not a principal')
  return {
    keys: keys.value.map((key) => buffer(key, 'a key')),
    threshold: BigInt(threshold.value),
    aggregateKey: buffer(field('current-aggregate-pubkey'), 'current-aggregate-pubkey'),
    principal: principal.value,
  }
}
