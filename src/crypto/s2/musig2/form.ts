import { utf8 } from '../../../base/index.ts'
import { u32le } from '../place.ts'
import { MusigError } from './errors.ts'

/** What a nonce is for. Txids are in internal byte order. */
export type MusigForm =
  | { readonly kind: 'sighash'; readonly sighash: Uint8Array }
  | { readonly kind: 'outpoint'; readonly txid: Uint8Array; readonly vout: number }

/** What a nonce is derived from, beside keys and position. */
export type NonceSource =
  /** As the reference derives it: the same again gives the same, whatever was signed with it before (R33). */
  | { readonly mode: 'reference'; readonly form: MusigForm }
  /** With 32 random bytes that the caller has stored (R31). */
  | { readonly mode: 'native'; readonly form: MusigForm; readonly random: Uint8Array }

const SIGHASH_TAG = utf8('strata-bridge-musig2-secnonce')
const NATIVE_TAG = utf8('countersign/musig2-secnonce/v1')
/** In native mode each form is named by a byte. */
const FORM_BYTES = { sighash: Uint8Array.of(1), outpoint: Uint8Array.of(2) } as const
const HASH_BYTES = 32

/** Parts of what HKDF is told. Throws MusigError `FORM_INVALID`. */
export function nonceInfo(source: NonceSource): readonly Uint8Array[] {
  const { form } = source
  checkForm(form)
  if (source.mode === 'reference') return form.kind === 'sighash' ? [SIGHASH_TAG, form.sighash] : outpointOf(form)
  if (source.random.length !== HASH_BYTES) throw new TypeError('the randomness of a nonce has 32 bytes')
  const named = form.kind === 'sighash' ? [form.sighash] : outpointOf(form)
  return [NATIVE_TAG, FORM_BYTES[form.kind], ...named, source.random]
}

/** Throws MusigError `FORM_INVALID`. */
export function checkForm(form: MusigForm): void {
  if (form.kind === 'sighash') {
    if (form.sighash.length !== HASH_BYTES) throw invalid('a sighash has 32 bytes', 'sighash')
    return
  }
  if (form.txid.length !== HASH_BYTES) throw invalid('a txid has 32 bytes', 'txid')
  if (!Number.isInteger(form.vout) || form.vout < 0 || form.vout > 0xffff_ffff)
    throw invalid('an output index has 32 bits', 'vout')
}

const outpointOf = ({ txid, vout }: { readonly txid: Uint8Array; readonly vout: number }) => [txid, u32le(vout)]
const invalid = (message: string, field: string) => new MusigError('FORM_INVALID', message, { field })
