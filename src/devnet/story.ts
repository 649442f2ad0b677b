import { type GroupKey, type PeerIdStr, toHex } from '../base/index.ts'
import { curve, type KeyPair, randomBytes, sha256 } from '../curve/index.ts'
import { connect, RpcError } from '../rpc/client/index.ts'
import { type DevnetNetwork, freshKey } from './network.ts'
import type { DevnetOptions } from './options.ts'
import type { Report } from './report.ts'
import type { Signer } from './signer.ts'
import { approveRotation, readStatus } from './status.ts'
import { until } from './wait.ts'

const STEP_MS = 60_000
const CONNECT_MS = 10_000

interface Signed {
  readonly digest: string
  readonly signature: string
  readonly ms: number
}

/** The whole idea on real parts (README): who is admitted, who is not, a signature, a rotation, a signature. */
export class Story {
  readonly #net: DevnetNetwork
  readonly #o: DevnetOptions
  readonly #report: Report
  #calls = 0

  constructor(net: DevnetNetwork, options: DevnetOptions, report: Report) {
    this.#net = net
    this.#o = options
    this.#report = report
  }

  /** The summary line of the devnet contract. Throws at the first thing that is not as it should be. */
  async run(groupKey: GroupKey): Promise<Readonly<Record<string, unknown>>> {
    const first = await this.#sign(groupKey, 'before the rotation')
    const stranger = await this.#stranger()
    const signersBefore = this.#net.signers.map((s) => s.describe())
    const rotation = await this.#rotate(groupKey)
    return {
      event: 'summary',
      ok: true,
      groupKey,
      digest: first.digest,
      signature: first.signature,
      signMs: first.ms,
      signers: signersBefore.map(({ publicKey, peerId, pid }) => ({ publicKey, peerId, pid })),
      stranger,
      rotation,
      bridge: { peerId: this.#net.bridge.keyPair.peerId, calls: this.#calls },
    }
  }

  /** One `threshold.sign` by the bridge, checked here under BIP340 against the key that stands on chain. */
  async #sign(groupKey: GroupKey, when: string): Promise<Signed> {
    const [signer] = this.#net.signers
    if (signer === undefined) throw new Error('the devnet has no signer')
    // Connecting is a call, too: hello.
    const client = await this.#counted(
      connect({
        addresses: signer.dialable(),
        key: this.#net.bridge.keyPair,
        signal: this.#o.signal,
        timeoutMs: CONNECT_MS,
      }),
    )
    try {
      const { publicKey } = await this.#counted(client.threshold.publicKey())
      if (toHex(publicKey) !== groupKey) throw new Error('the signer names another group key than the chain')
      const digest = sha256(randomBytes(32))
      const startedAt = performance.now()
      const requestId = `devnet-${toHex(digest.subarray(0, 8))}`
      const { signature } = await this.#counted(client.threshold.sign({ requestId, digest, signal: this.#o.signal }))
      const ms = Math.round(performance.now() - startedAt)
      if (!curve.schnorrVerify(signature, digest, publicKey))
        throw new Error('the signature does not verify under BIP340')
      const signed = { digest: toHex(digest), signature: toHex(signature), ms }
      this.#report({ event: 'signature', groupKey, ...signed }, `the bridge got a BIP340 signature ${when} in ${ms} ms`)
      return signed
    } finally {
      await client.close()
    }
  }

  /** An answered call of the bridge. */
  async #counted<T>(call: Promise<T>): Promise<T> {
    const answer = await call
    this.#calls++
    return answer
  }

  /** A fresh key opens Noise with every signer; each must close it and count it. */
  async #stranger(): Promise<Readonly<Record<string, unknown>>> {
    const key = freshKey()
    const deniedBy = await this.#turnedAway(key, this.#net.signers)
    this.#report(
      { event: 'stranger', peerId: key.peerId, deniedBy },
      `a stranger was turned away by all ${deniedBy.length} signers`,
    )
    return { peerId: key.peerId, refused: true, deniedBy }
  }

  async #turnedAway(key: KeyPair, signers: readonly Signer[]): Promise<readonly PeerIdStr[]> {
    for (const signer of signers) await this.#refused(key, signer)
    const deniedBy: PeerIdStr[] = []
    for (const signer of signers) {
      await until(
        `${signer.name} to count the denial of ${key.peerId}`,
        CONNECT_MS,
        async () => {
          const { denials } = await readStatus(signer.socketPath, this.#o.signal)
          return denials.recent.find((d) => d.peerId === key.peerId && d.reason === 'not_in_registry')
        },
        this.#o.signal,
      )
      deniedBy.push(signer.folder.keyPair.peerId)
    }
    return deniedBy
  }

  async #refused(key: KeyPair, signer: Signer): Promise<void> {
    try {
      const client = await connect({ addresses: signer.dialable(), key, signal: this.#o.signal, timeoutMs: CONNECT_MS })
      await client.close()
    } catch (error) {
      if (error instanceof RpcError && error.code === 'NOT_ADMITTED') return
      throw error
    }
    throw new Error(`${signer.name} admitted ${key.peerId}, which stands in no set`)
  }

  /** The last signer is replaced by a newcomer: approvals, keygen, rotate-keys, teardown, and a signature under the new key. */
  async #rotate(previous: GroupKey): Promise<Readonly<Record<string, unknown>>> {
    const net = this.#net
    const leaving = net.signers.at(-1)
    if (leaving === undefined) throw new Error('the devnet has no signer')
    const newcomer = await net.addNewcomer()
    this.#report(
      { event: 'newcomer', peerId: newcomer.folder.keyPair.peerId },
      `${newcomer.name} started and waits: its key is in no set`,
    )

    const staying = net.signers.filter((s) => s !== leaving)
    const keys = [...staying, newcomer].map((s) => s.folder.keyPair.publicKey).toSorted()
    const set = { keys, threshold: this.#o.threshold, attempt: 1 }
    for (const signer of [...net.signers, newcomer]) await approveRotation(signer.socketPath, set, this.#o.signal)
    this.#report({ event: 'approved', keys, threshold: set.threshold }, 'every operator approved the new set')

    net.signers.splice(net.signers.indexOf(leaving), 1, newcomer)
    const groupKey = await net.awaitKey(previous)
    this.#report({ event: 'rotated', groupKey }, `the new key ${groupKey.slice(0, 16)}… stands on chain`)

    const gone = leaving.folder.keyPair.peerId
    const closedMs = await this.#closedMs(gone, staying)
    await until(
      `${leaving.name} to notice its removal`,
      STEP_MS,
      async () => (await readStatus(leaving.socketPath, this.#o.signal)).state === 'removed' || undefined,
      this.#o.signal,
    )
    await leaving.process.stop()
    await this.#turnedAway(leaving.folder.keyPair, net.signers)
    this.#report(
      { event: 'removed', peerId: gone, closedMs },
      `the removed key was cut off within ${closedMs} ms and is turned away`,
    )
    const signed = await this.#sign(groupKey, 'under the new key')
    return {
      removed: [gone],
      added: [newcomer.folder.keyPair.peerId],
      closedMs,
      groupKey,
      digest: signed.digest,
      signature: signed.signature,
    }
  }

  /** The longest time on any remaining signer from applying the snapshot to its last closed connection of the removed key. */
  async #closedMs(gone: PeerIdStr, staying: readonly Signer[]): Promise<number> {
    let longest = 0
    for (const signer of staying) {
      const eviction = await until(
        `${signer.name} to close ${gone}`,
        STEP_MS,
        async () => {
          const { lastEviction } = await readStatus(signer.socketPath, this.#o.signal)
          return lastEviction?.peers.includes(gone) ? lastEviction : undefined
        },
        this.#o.signal,
      )
      longest = Math.max(longest, eviction.closedMs)
    }
    return longest
  }
}
