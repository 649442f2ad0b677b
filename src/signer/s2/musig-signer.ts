import { accept, equalBytes, refuse } from '../../base/index.ts'
import {
  checkForm,
  type MusigContext,
  MusigError,
  type MusigKeys,
  type MusigSession,
  makeNonce,
  type NonceSource,
  openMusigSession,
  type SignRequest,
} from '../../crypto/index.ts'
import { randomBytes } from '../../curve/index.ts'
import { type BindingKey, type NonceOwner, nonceBindingKey, partialUse } from './binding-key.ts'
import type { S2Memory } from './memory.ts'
import { MusigContexts } from './musig-contexts.ts'
import { type NonceRecord, RANDOMNESS_BYTES } from './one-time-record.ts'
import { judgeNonce, judgePartial, type Verdict } from './one-time-rules.ts'
import { PublicNonces } from './public-nonces.ts'
import { type Signed, SigningTurns } from './signing-turns.ts'
import { mapInSlices, requireWanted } from './slices.ts'
import type { MusigForm, MusigParams, MusigPartialItem, NonceMode, S2Outcome } from './types.ts'

/** A nonce that is asked for. */
interface NonceItem {
  readonly form: MusigForm
  readonly key: BindingKey
}
/** A signature that is asked for, with all that can be refused about it looked at. */
interface PartialItem extends NonceItem {
  readonly session: MusigSession
  readonly use: Uint8Array
}

/** What was decided over an item: why not, or the record that it is answered from. */
type Judged<I> =
  | { readonly refusal: S2Outcome }
  | { readonly refusal?: never; readonly item: I; readonly record: NonceRecord }

const BAD = refuse('BAD_REQUEST')
const freshRandomness = (): Uint8Array => Uint8Array.from(randomBytes(RANDOMNESS_BYTES))

/** MuSig2 nonces and partial signatures of one seed: nothing leaves before its binding is on disk (R30, R31). */
export class MusigSigner {
  readonly #memory: S2Memory
  readonly #mode: NonceMode
  readonly #keys: MusigKeys
  readonly #contexts: MusigContexts
  readonly #publicNonces = new PublicNonces()
  readonly #turns = new SigningTurns()

  constructor(memory: S2Memory, mode: NonceMode, keys: MusigKeys) {
    this.#memory = memory
    this.#mode = mode
    this.#keys = keys
    this.#contexts = new MusigContexts(keys.xOnly)
  }

  /** What a record of a nonce is found by. Throws S2Error for params, MusigError for a form. */
  bindingKey(params: MusigParams, form: MusigForm): BindingKey {
    checkForm(form)
    return nonceBindingKey(form, ownerOf(this.#contexts.open(params).context))
  }

  /** Public nonces, 66 bytes each. */
  async nonces(params: MusigParams, forms: readonly MusigForm[], signal?: AbortSignal): Promise<readonly S2Outcome[]> {
    requireWanted(signal)
    // Before anything is awaited: the caller's bytes are his own.
    const copies = forms.map(copyForm)
    const { context } = await this.#contexts.opened(params, signal)
    const owner = ownerOf(context)
    const items = await mapInSlices(copies, (form) => orUndefined(() => nonceItem(form, owner)), signal)
    return this.#judged(
      items,
      (_, known) => judgeNonce(known, this.#situation, freshRandomness),
      (judged) =>
        mapInSlices(
          judged,
          (one): S2Outcome => one.refusal ?? accept(this.#publicNonce(context, one.item, one.record)),
          signal,
        ),
    )
  }

  /** Partial signatures, 32 bytes each. */
  async partials(
    params: MusigParams,
    asked: readonly MusigPartialItem[],
    signal?: AbortSignal,
  ): Promise<readonly S2Outcome[]> {
    requireWanted(signal)
    const copies = asked.map(copyItem)
    const { context, hash } = await this.#contexts.opened(params, signal)
    const owner = ownerOf(context)
    // All that can be wrong with a request is found before anything is bound: a malformed one burns no nonce.
    const items = await mapInSlices(
      copies,
      (item) => orUndefined(() => partialItem(item, context, owner, hash)),
      signal,
    )
    return this.#judged(
      items,
      (item, known) => judgePartial(known, item.use, this.#situation),
      (judged) => this.#partials(context, judged, signal),
    )
  }

  get #situation() {
    return this.#memory.situation(this.#mode)
  }

  /** Judges all items in one synchronous step, then answers while what they bind is written. */
  #judged<I extends NonceItem>(
    items: readonly (I | undefined)[],
    judge: (item: I, known: NonceRecordOrOther) => Verdict<NonceRecord>,
    answer: (judged: readonly Judged<I>[]) => Promise<readonly S2Outcome[]>,
  ): Promise<readonly S2Outcome[]> {
    const keys = items.flatMap((item) => (item === undefined ? [] : [item.key]))
    return this.#memory.table.use(
      keys,
      (records) =>
        items.map((item): Judged<I> => {
          if (item === undefined) return { refusal: BAD }
          const verdict = judge(item, records.get(item.key))
          if (verdict.kind === 'refuse') return { refusal: refuse(verdict.reason) }
          if (verdict.kind === 'write') records.set(item.key, verdict.record)
          return { item, record: verdict.record }
        }),
      answer,
    )
  }

  #publicNonce(context: MusigContext, { key, form }: NonceItem, record: NonceRecord): Uint8Array {
    const known = this.#publicNonces.get(key, record)
    if (known !== undefined) return known.slice()
    const nonce = makeNonce(context, this.#keys, sourceOf(record, form))
    nonce.destroy()
    this.#publicNonces.set(key, record, nonce.publicNonce)
    return nonce.publicNonce
  }

  async #partials(
    context: MusigContext,
    judged: readonly Judged<PartialItem>[],
    signal: AbortSignal | undefined,
  ): Promise<readonly S2Outcome[]> {
    const signing = judged.flatMap((one) => (one.refusal === undefined ? [one] : []))
    const signed = await this.#turns.sign(
      signing.map(
        ({ item, record }) =>
          () =>
            this.#request(context, item, record),
      ),
      signal,
    )
    let next = 0
    return judged.map((one) => one.refusal ?? outcomeOf(signed[next++]))
  }

  #request(context: MusigContext, { key, form, session }: PartialItem, record: NonceRecord): SignRequest {
    const known = this.#publicNonces.get(key, record)
    return { nonce: makeNonce(context, this.#keys, sourceOf(record, form), known), session }
  }
}

type NonceRecordOrOther = Parameters<typeof judgeNonce>[0]

/** What it was made from, whatever mode the service is in now: a nonce that was shown stays what it was. */
function sourceOf(record: NonceRecord, form: MusigForm): NonceSource {
  if (record.randomness === undefined) return { mode: 'reference', form }
  return { mode: 'native', form, random: record.randomness }
}

/** All else that can be wrong was looked at before. */
function outcomeOf(signed: Signed | undefined): S2Outcome {
  if (signed?.ok) return signed
  if (signed?.reason === 'SELF_VERIFY_FAILED') return refuse('SELF_VERIFY_FAILED')
  throw new TypeError(`a checked request was not signed: ${signed?.reason}`)
}

const ownerOf = (context: MusigContext): NonceOwner => ({
  ownPublicKey: context.ownPublicKey.subarray(1),
  aggregateKey: context.publicKey,
  ownIndex: context.ownIndex,
})

function nonceItem(form: MusigForm, owner: NonceOwner): NonceItem {
  checkForm(form)
  return { form, key: nonceBindingKey(form, owner) }
}

function partialItem(
  { form, aggNonce, message }: MusigPartialItem,
  context: MusigContext,
  owner: NonceOwner,
  params: Uint8Array,
): PartialItem {
  const item = nonceItem(form, owner)
  const session = openMusigSession(context, aggNonce, message)
  if (form.kind === 'sighash' && !equalBytes(form.sighash, message))
    throw new MusigError('MESSAGE_IS_NOT_SIGHASH', 'in the form of sighashes the message is the sighash')
  return { ...item, session, use: partialUse(params, aggNonce, message) }
}

/** What is wrong with one item is that item's outcome. */
function orUndefined<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch (error) {
    if (error instanceof MusigError) return undefined
    throw error
  }
}

const copyForm = (form: MusigForm): MusigForm =>
  form.kind === 'sighash'
    ? { kind: 'sighash', sighash: Uint8Array.from(form.sighash) }
    : { kind: 'outpoint', txid: Uint8Array.from(form.txid), vout: form.vout }

const copyItem = ({ form, aggNonce, message }: MusigPartialItem): MusigPartialItem => ({
  form: copyForm(form),
  aggNonce: Uint8Array.from(aggNonce),
  message: Uint8Array.from(message),
})
