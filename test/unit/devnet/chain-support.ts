import {
  AddressHashMode,
  Cl,
  type ClarityValue,
  createMessageSignature,
  createTransactionAuthField,
  makeUnsignedContractCall,
  nextSignature,
  PubKeyEncoding,
  type StacksTransactionWire,
} from '@stacks/transactions'
import { compareBytes, fromHex, type PublicKey, silentLogger, toHex } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import {
  BOOTSTRAP,
  type EmbeddedChain,
  type EmbeddedChainInit,
  multisigAddress,
  startChain,
} from '../../../src/devnet/chain/index.ts'

/** Key pair number i; the same in every run. */
export const member = (i: number): KeyPair => KeyPair.fromSecret(new Uint8Array(32).fill(i + 1))

export interface Federation {
  readonly members: readonly KeyPair[]
  /** Sorted by bytes, as `members`. */
  readonly keys: readonly PublicKey[]
  readonly m: number
  readonly address: string
}

export function federation(numbers: readonly number[], m: number): Federation {
  const members = numbers.map(member).sort((a, b) => compareBytes(fromHex(a.publicKey), fromHex(b.publicKey)))
  const keys = members.map((k) => k.publicKey)
  return { members, keys, m, address: multisigAddress(keys, m) }
}

export const BOOTSTRAP_SET = federation([0, 1, 2, 3, 4], 3)
export const NEXT_SET = federation([5, 6, 7, 8], 3)
export const FEE_USTX = 3_000
export const GENESIS_USTX = 1_000_000n

export const testChain = (init: Partial<EmbeddedChainInit> = {}): Promise<EmbeddedChain> =>
  startChain({
    deployerAddress: BOOTSTRAP_SET.address,
    blockIntervalMs: 'manual',
    genesisBalances: { [BOOTSTRAP_SET.address]: GENESIS_USTX },
    logger: silentLogger,
    ...init,
  })

/** An aggregate key that nobody used before. */
export const aggregateKey = (i: number): PublicKey => member(100 + i).publicKey

export interface RotationTx {
  readonly from?: Federation
  readonly to?: Federation
  readonly aggregate?: string
  readonly threshold?: number
  readonly nonce?: number
  readonly fee?: number
  readonly chainId?: number
  readonly contract?: string
  readonly fn?: string
  readonly args?: readonly ClarityValue[]
  readonly version?: 'mainnet' | 'testnet'
  readonly contractAddress?: string
  /** Places in `from` of those who sign; default the first m. */
  readonly signers?: readonly number[]
  /** Signs in place of the first signer. */
  readonly foreigner?: KeyPair
}

/** A rotation, signed independently by its signers: non-sequential multisig, hash mode 5. */
export async function rotationTx(o: RotationTx = {}): Promise<StacksTransactionWire> {
  const { from = BOOTSTRAP_SET, to = NEXT_SET } = o
  const defaults = [
    Cl.list(to.keys.map((k) => Cl.bufferFromHex(k))),
    Cl.bufferFromHex(o.aggregate ?? aggregateKey(0)),
    Cl.uint(o.threshold ?? to.m),
  ]
  const tx = await makeUnsignedContractCall({
    contractAddress: o.contractAddress ?? BOOTSTRAP_SET.address,
    contractName: o.contract ?? BOOTSTRAP,
    functionName: o.fn ?? 'rotate-keys-wrapper',
    functionArgs: [...(o.args ?? defaults)],
    publicKeys: [...from.keys],
    numSignatures: from.m,
    useNonSequentialMultiSig: true,
    network: o.version ?? 'testnet',
    nonce: o.nonce ?? 0,
    fee: o.fee ?? FEE_USTX,
  })
  if (o.chainId !== undefined) tx.chainId = o.chainId
  const condition = tx.auth.spendingCondition
  if (condition.hashMode !== AddressHashMode.P2SHNonSequential) throw new Error('expected hash mode 5')
  const signers = o.signers ?? from.members.slice(0, from.m).map((_, i) => i)
  const sigHash = tx.signBegin()
  for (const [i, pair] of from.members.entries()) {
    if (!signers.includes(i)) {
      tx.appendPubkey(pair.publicKey)
      continue
    }
    const signer = o.foreigner !== undefined && i === signers[0] ? o.foreigner : pair
    const secret = `${toHex(signer.exposeSecret())}01`
    const { nextSig } = nextSignature(sigHash, tx.auth.authType, condition.fee, condition.nonce, secret)
    condition.fields.push(createTransactionAuthField(PubKeyEncoding.Compressed, createMessageSignature(nextSig)))
  }
  return tx
}

export interface PostedTx {
  readonly status: number
  readonly body: string
  readonly json: Readonly<Record<string, unknown>> | string | undefined
}

export async function post(url: string, bytes: Uint8Array, type = 'application/octet-stream'): Promise<PostedTx> {
  const answer = await fetch(`${url}/v2/transactions`, {
    method: 'POST',
    headers: { 'content-type': type },
    body: Uint8Array.from(bytes),
  })
  const body = await answer.text()
  const isJson = answer.headers.get('content-type') === 'application/json'
  return { status: answer.status, body, json: isJson ? JSON.parse(body) : undefined }
}

export async function getJson(url: string, path: string): Promise<Readonly<Record<string, unknown>>> {
  const answer = await fetch(`${url}${path}`)
  if (answer.status !== 200) throw new Error(`${path}: HTTP ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as Readonly<Record<string, unknown>>
}

export async function callRead(
  chain: { readonly url: string; readonly contract: string },
  fn: string,
  o: { readonly tip?: string; readonly args?: readonly ClarityValue[]; readonly contract?: string } = {},
): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> | string }> {
  const path = (o.contract ?? chain.contract).replace('.', '/')
  const query = o.tip === undefined ? '' : `?tip=${o.tip}`
  const answer = await fetch(`${chain.url}/v2/contracts/call-read/${path}/${fn}${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      sender: BOOTSTRAP_SET.address,
      arguments: (o.args ?? []).map((a) => `0x${Cl.serialize(a)}`),
    }),
  })
  const text = await answer.text()
  return { status: answer.status, body: answer.status === 200 ? JSON.parse(text) : text }
}

/** The set in `get-current-signer-data` at a tip, as a list of keys. */
export async function keysAt(
  chain: { readonly url: string; readonly contract: string },
  tip?: string,
): Promise<string[]> {
  const { body } = await callRead(chain, 'get-current-signer-set', tip === undefined ? {} : { tip })
  if (typeof body === 'string' || typeof body.result !== 'string')
    throw new Error(`call failed: ${JSON.stringify(body)}`)
  const list = Cl.deserialize(body.result)
  if (list.type !== 'list') throw new Error('expected a list')
  return list.value.map((v) => (v.type === 'buffer' ? v.value : ''))
}

/** Sends a rotation that is taken; resolves with its id. */
export async function send(chain: { readonly url: string }, o: RotationTx = {}): Promise<string> {
  const tx = await rotationTx(o)
  const { json, body } = await post(chain.url, tx.serializeBytes())
  if (json !== tx.txid()) throw new Error(`the chain refused the transaction: ${body}`)
  return tx.txid()
}
