import { BoundedMap } from '../../base/index.ts'
import type { BindingKey } from './binding-key.ts'
import type { NonceRecord } from './one-time-record.ts'

/** A deposit's nonces are followed by as many partial signatures, which need them again; under 3 MB. */
const MAX_NONCES = 8_192

interface Known {
  readonly randomness: Uint8Array | undefined
  readonly publicNonce: Uint8Array
}

/** Public nonces that need not be computed again. Each belongs to the randomness that it was made with: a record made anew has another. */
export class PublicNonces {
  readonly #known = new BoundedMap<BindingKey, Known>(MAX_NONCES)

  get(key: BindingKey, { randomness }: NonceRecord): Uint8Array | undefined {
    const known = this.#known.get(key)
    if (known === undefined) return undefined
    return isSame(known.randomness, randomness) ? known.publicNonce : undefined
  }

  set(key: BindingKey, { randomness }: NonceRecord, publicNonce: Uint8Array): void {
    this.#known.set(key, { randomness, publicNonce: publicNonce.slice() })
  }
}

const isSame = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a.every((byte, i) => byte === b[i]))
