import type { MusigForm, MusigParams, S2Outcome, S2Service, SchnorrItem, WotsJob } from '../../../signer/index.ts'
import {
  type ErrorDetails,
  type Params,
  RpcError,
  type S2Method,
  SCHEMES,
  TARGETS,
  WIRE_ERRORS,
} from '../../wire/index.ts'
import type { Handlers } from '../types.ts'

/**
 * The secret-service methods. Without a service each answers `NO_SEED`. What is wrong with a whole call comes as `S2Error` from the
 * service; the server answers with its code.
 */
export function createS2Handlers(service: S2Service | undefined): Pick<Handlers, S2Method> {
  const s2 = (): S2Service => {
    if (service === undefined) throw new RpcError('NO_SEED')
    return service
  }
  const schnorr = async (params: Params<'schnorr.sign'>, tweak: SchnorrItem['tweak'], suspect?: Suspect) => {
    const items = [{ digest: params.digest, tweak }]
    return { signature: onlyOf(await s2().schnorrSign(TARGETS.word(params.target), items), suspect) }
  }
  const nonce = async (params: WithKeys, form: MusigForm, signal: AbortSignal) => ({
    pubNonce: onlyOf(await s2().musigNonces(musigParams(params), [form], signal)),
  })
  const partial = async (
    params: WithKeys & { readonly aggnonce: Uint8Array },
    form: MusigForm,
    message: Uint8Array,
    signal: AbortSignal,
  ) => {
    const items = [{ form, aggNonce: params.aggnonce, message }]
    return { partialSig: onlyOf(await s2().musigPartials(musigParams(params), items, signal), AGGNONCE) }
  }
  const publicKey =
    (bits: WotsJob['bits']) =>
    async (place: WotsJob['place'], { signal }: { readonly signal: AbortSignal }) => ({
      publicKey: theOne(await s2().wotsPublicKeys([jobOf(bits, place)], signal)),
    })
  const secretKey = (bits: WotsJob['bits']) => async (place: WotsJob['place']) => ({
    secretKey: await s2().wotsSecretKey(jobOf(bits, place)),
  })
  const signature = (bits: WotsJob['bits']) => async (params: Params<'wots.get_128_signature'>) => ({
    signature: await s2().wotsSignature(jobOf(bits, params), known(params.message)),
  })
  const publicKeys =
    (bits: WotsJob['bits']) =>
    async (params: Params<'wots.get_128_public_key_batch'>, { signal }: { readonly signal: AbortSignal }) => {
      const { txid, vout, firstIndex, count } = params
      const jobs = Array.from({ length: count }, (_, i) => jobOf(bits, { txid, vout, index: firstIndex + i }))
      return { publicKeys: [...(await s2().wotsPublicKeys(jobs, signal))] }
    }
  return {
    'schnorr.sign': (params) => schnorr(params, { kind: 'taproot', merkleRoot: params.tapTweak ?? null }),
    'schnorr.sign_no_tweak': (params) => schnorr(params, { kind: 'none' }),
    'schnorr.sign_with_key_tweak': (params) =>
      schnorr(
        params,
        { kind: 'taproot', merkleRoot: params.tapTweak ?? null, keyTweak: known(params.keyTweak) },
        KEY_TWEAK,
      ),
    'schnorr.public_key': async ({ target }) => ({ publicKey: s2().schnorrPublicKey(TARGETS.word(target)) }),
    'schnorr.sign_batch': async ({ target, items }) => {
      const outcomes = await s2().schnorrSign(TARGETS.word(target), items.map(schnorrItem))
      return { items: outcomes.map((o) => (o.ok ? { signature: o.value } : refused(o))) }
    },
    'p2p.sign': async ({ scheme, message }) => ({ signature: await s2().p2pSign(SCHEMES.word(scheme), message) }),
    'p2p.public_key': async ({ scheme }) => ({ publicKey: s2().p2pPublicKey(SCHEMES.word(scheme)) }),
    'musig2.get_pub_nonce': (params, { signal }) => nonce(params, sighashOf(params), signal),
    'musig2.get_our_partial_sig': (params, { signal }) => partial(params, sighashOf(params), params.sighash, signal),
    'musig2.get_pub_nonce_for_outpoint': (params, { signal }) => nonce(params, outpointOf(params), signal),
    'musig2.get_our_partial_sig_for_outpoint': (params, { signal }) =>
      partial(params, outpointOf(params), params.message, signal),
    'musig2.get_pub_nonce_batch': async (params, { signal }) => {
      const forms = params.sighashes.map((sighash) => sighashOf({ sighash }))
      const outcomes = await s2().musigNonces(musigParams(params), forms, signal)
      return { items: outcomes.map((o) => (o.ok ? { pubNonce: o.value } : refused(o))) }
    },
    'musig2.get_our_partial_sig_batch': async (params, { signal }) => {
      const items = params.items.map((item) => ({
        form: sighashOf(item),
        aggNonce: item.aggnonce,
        message: item.sighash,
      }))
      const outcomes = await s2().musigPartials(musigParams(params), items, signal)
      return { items: outcomes.map((o) => (o.ok ? { partialSig: o.value } : refused(o))) }
    },
    'preimages.get_preimage': async ({ prestakeTxid, prestakeVout, stakeIndex }) => ({
      preimage: await s2().preimage({ txid: prestakeTxid, vout: prestakeVout, index: stakeIndex }),
    }),
    'wots.get_128_public_key': publicKey(128),
    'wots.get_256_public_key': publicKey(256),
    'wots.get_128_secret_key': secretKey(128),
    'wots.get_256_secret_key': secretKey(256),
    'wots.get_128_signature': signature(128),
    'wots.get_256_signature': signature(256),
    'wots.get_128_public_key_batch': publicKeys(128),
    'wots.get_256_public_key_batch': publicKeys(256),
  }
}

type WithKeys = Pick<Params<'musig2.get_pub_nonce'>, 'orderedPubkeys' | 'tweak'>

function musigParams({ orderedPubkeys, tweak }: WithKeys): MusigParams {
  const kind = tweak?.kind
  switch (kind?.case) {
    case 'key':
      return {
        orderedPublicKeys: orderedPubkeys,
        tweak: { kind: 'key', merkleRoot: kind.value.merkleRoot ?? null },
      }
    case 'script':
      return { orderedPublicKeys: orderedPubkeys, tweak: { kind: 'script' } }
    default:
      // The shape requires a tweak; this would be a bug of ours, and must never become "no tweak".
      throw new RpcError('INTERNAL')
  }
}

function schnorrItem({ digest, tweak }: Params<'schnorr.sign_batch'>['items'][number]): SchnorrItem {
  const kind = tweak?.kind
  switch (kind?.case) {
    case 'none':
      return { digest, tweak: { kind: 'none' } }
    case 'taproot': {
      const { tapTweak, keyTweak } = kind.value
      const root = { kind: 'taproot', merkleRoot: tapTweak ?? null } as const
      return { digest, tweak: keyTweak === undefined ? root : { ...root, keyTweak } }
    }
    default:
      throw new RpcError('INTERNAL')
  }
}

const sighashOf = ({ sighash }: { readonly sighash: Uint8Array }): MusigForm => ({ kind: 'sighash', sighash })
const outpointOf = ({ txid, vout }: { readonly txid: Uint8Array; readonly vout: number }): MusigForm => ({
  kind: 'outpoint',
  txid,
  vout,
})
const jobOf = (bits: WotsJob['bits'], { txid, vout, index }: WotsJob['place']): WotsJob => ({
  bits,
  place: { txid, vout, index },
})

const refused = ({ reason }: Extract<S2Outcome, { readonly ok: false }>) => ({
  error: { code: reason, message: WIRE_ERRORS[reason] },
})

/** Of a call about one thing. */
function theOne<T>(values: readonly T[]): T {
  const [value] = values
  if (value === undefined || values.length !== 1) throw new RpcError('INTERNAL')
  return value
}
/** `suspect`: what alone can be wrong with such params, once their shape is right. */
function onlyOf(outcomes: readonly S2Outcome[], suspect?: Suspect): Uint8Array {
  const outcome = theOne(outcomes)
  if (!outcome.ok) throw new RpcError(outcome.reason, outcome.reason === 'BAD_REQUEST' ? suspect : undefined)
  return outcome.value
}
type Suspect = Required<Pick<ErrorDetails, 'field' | 'expected'>>
const KEY_TWEAK: Suspect = { field: 'key_tweak', expected: 'a scalar below the group order' }
const AGGNONCE: Suspect = { field: 'aggnonce', expected: 'two points, or zeros for one at infinity' }
/** What the shape has seen to be there. */
function known(bytes: Uint8Array | undefined): Uint8Array {
  if (bytes === undefined) throw new RpcError('INTERNAL')
  return bytes
}
