import { createHash } from 'node:crypto'
import type { Client, ItemOutcome, MusigParams } from 'countersign/client'

/** How large a deposit is. */
export interface DepositSize {
  /** Operators of the bridge; each has a graph of transactions for the deposit. */
  readonly operators: number
  /** Inputs to be signed in a graph. */
  readonly inputs: number
}

/** What a bridge node takes along from the signer, and how many milliseconds each step took. */
export interface DepositDone {
  readonly publicKeys: number
  readonly nonces: number
  readonly partials: number
  /** SHA-256 over every answer that a repeated request must get again, byte for byte. */
  readonly answers: string
  readonly ms: Readonly<Record<string, number>>
}

const sha256 = (...parts: readonly (string | Uint8Array)[]): Uint8Array => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

/**
 * One deposit, from its name alone: whoever runs it again after a crash asks for the same things, and is given the same answers.
 * The transactions are stand-ins; what is asked of the signer, and in which order, is what a bridge asks.
 */
export async function runDeposit(client: Client, name: string, size: DepositSize): Promise<DepositDone> {
  const answers = createHash('sha256')
  const ms: Record<string, number> = {}
  const step = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now()
    const result = await work()
    ms[what] = Math.round(performance.now() - startedAt)
    return result
  }
  const keep = (...values: readonly Uint8Array[]): void => {
    for (const value of values) answers.update(value)
  }
  const txid = sha256(name, '/deposit')

  // 1. One-time public keys for the claim and the assertions: one burst, in two batches.
  const publicKeys = await step('public_keys', async () => {
    const at = { txid, vout: 0, firstIndex: 0 }
    const [short, long] = await Promise.all([
      client.wots.get128PublicKeyBatch({ ...at, count: 363 }),
      client.wots.get256PublicKeyBatch({ ...at, count: 16 }),
    ])
    return [...short.publicKeys, ...long.publicKeys]
  })
  keep(...publicKeys)

  // 2. The hash that commits to the stake.
  const { preimage } = await step('preimage', () =>
    client.preimages.getPreimage({ prestakeTxid: txid, prestakeVout: 1, stakeIndex: 0 }),
  )
  keep(preimage)

  // 3. Nonces, then partial signatures, for the graph of each operator. Graphs are asked for side by side, on one stream.
  const { publicKey: own } = await client.schnorr.publicKey({ target: 'musig2' })
  const graphs = Array.from({ length: size.operators }, (_, graph) => ({
    params: musigParams(own),
    sighashes: Array.from({ length: size.inputs }, (_, input) => sha256(name, `/graph/${graph}/input/${input}`)),
  }))
  const nonces = await step('nonces', () =>
    Promise.all(graphs.map(async (g) => all(await client.musig2.getPubNonceBatch({ ...g.params, ...g })))),
  )
  keep(...nonces.flat().map((n) => n.pubNonce))
  const partials = await step('partials', () =>
    Promise.all(
      graphs.map(async (g, i) => {
        // In a bridge of several operators: the sum of all their nonces, which the coordinator of the graph tells.
        const items = g.sighashes.map((sighash, j) => ({
          sighash,
          aggnonce: nonces[i]?.[j]?.pubNonce ?? new Uint8Array(),
        }))
        return all(await client.musig2.getOurPartialSigBatch({ ...g.params, items }))
      }),
    ),
  )
  keep(...partials.flat().map((p) => p.partialSig))

  // 4. The operator's own wallet pays the fee of the claim. Such signatures are not the same twice, and need not be.
  await step('schnorr', () => client.schnorr.sign({ target: 'general', digest: sha256(name, '/fee'), tapTweak: null }))

  // 5. The one message that this one-time key ever signs.
  const wots = await step('wots_signature', () =>
    client.wots.get128Signature({ txid, vout: 0, index: 0, message: sha256(name, '/claim').slice(0, 16) }),
  )
  keep(wots.signature)

  // 6. The whole signer set signs the sweep. The id is the deposit's: asked again, it is the same signature.
  const sweep = await step('threshold', () =>
    client.threshold.sign({ requestId: `${name}/sweep`, digest: sha256(name, '/sweep') }),
  )
  keep(sweep.signature)

  return {
    publicKeys: publicKeys.length,
    nonces: nonces.flat().length,
    partials: partials.flat().length,
    answers: answers.digest('hex'),
    ms,
  }
}

/** This operator alone. In a bridge: all operators' keys, in the order that all of them use. */
const musigParams = (own: Uint8Array): MusigParams => ({
  orderedPubkeys: [own],
  tweak: { kind: 'key', merkleRoot: null },
})

/** Every item, or the reason of the first that was refused. */
function all<T>(outcomes: readonly ItemOutcome<T>[]): readonly T[] {
  return outcomes.map((outcome) => {
    if (!outcome.ok) throw Object.assign(new Error(outcome.message), { code: outcome.code })
    return outcome
  })
}
