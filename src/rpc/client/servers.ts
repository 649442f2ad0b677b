import type { PeerIdStr } from '../../base/index.ts'
import type { Server } from './address.ts'

/** Whom a client trusts: what to give `connect` the next time. */
export interface Trusted {
  /** PeerIDs, the one in use first. */
  readonly signers: readonly PeerIdStr[]
  /** Multiaddrs that end in `/p2p/<PeerID>`. */
  readonly addresses: readonly string[]
}

/** How the list of trusted servers changed, on the word of one of them. */
export interface SignerChange {
  /**
   * `announced`: `signer` will move to the key of `next`, which is trusted from now on as well. `withdrawn`: it no longer says
   * so. `moved`: `next` has answered with its own key, and `signer` is trusted no more.
   */
  readonly kind: 'announced' | 'withdrawn' | 'moved'
  readonly signer: PeerIdStr
  readonly next: PeerIdStr
  /** After the change. */
  readonly trusted: Trusted
}

/**
 * The servers that a client trusts, and how they hand that trust on. Only a server that has answered with a trusted key names
 * its next one, and only one at a time; a key that has taken over leaves the one before it no trust, for it may have been
 * replaced because it was stolen (R7).
 */
export class Servers {
  /** In order of preference. */
  #servers: readonly Server[]
  /** What a server said that it moves to. */
  readonly #next = new Map<PeerIdStr, PeerIdStr>()
  /** Trusted on a server's word alone, until they have answered. */
  readonly #announced = new Set<PeerIdStr>()
  #inUse: PeerIdStr | undefined

  constructor(servers: readonly Server[]) {
    this.#servers = servers
  }

  /** In the order in which to try them: the one in use, what it moves to, then the others. */
  candidates(): readonly Server[] {
    const first = this.#inUse ?? this.#servers[0]?.peerId
    const second = first === undefined ? undefined : this.#next.get(first)
    const rank = (peer: PeerIdStr): number => (peer === first ? 0 : peer === second ? 1 : 2)
    return this.#servers.toSorted((a, b) => rank(a.peerId) - rank(b.peerId))
  }

  trusted(): Trusted {
    const servers = this.candidates()
    return {
      signers: servers.map((s) => s.peerId),
      addresses: servers.flatMap((s) => s.addresses.map((a) => `${a}/p2p/${s.peerId}`)),
    }
  }

  /** This server has proven its key and said which one it moves to, if any. Answers what that changed. */
  greeted(peer: PeerIdStr, next: PeerIdStr | undefined): readonly SignerChange[] {
    this.#inUse = peer
    return [...this.#moved(peer), ...this.#told(peer, next)]
  }

  #moved(to: PeerIdStr): readonly SignerChange[] {
    this.#announced.delete(to)
    return this.#servers
      .filter((s) => this.#next.get(s.peerId) === to)
      .map(({ peerId: signer }) => {
        this.#drop(signer)
        return { kind: 'moved', signer, next: to, trusted: this.trusted() } as const
      })
  }

  #told(signer: PeerIdStr, next: PeerIdStr | undefined): readonly SignerChange[] {
    const before = this.#next.get(signer)
    const now = next === signer ? undefined : next
    if (before === now) return []
    const changes: SignerChange[] = []
    if (before !== undefined) {
      this.#next.delete(signer)
      // One that the caller named, or that another server moves to, stays.
      if (this.#announced.has(before) && ![...this.#next.values()].includes(before)) this.#drop(before)
      changes.push({ kind: 'withdrawn', signer, next: before, trusted: this.trusted() })
    }
    if (now !== undefined) {
      this.#next.set(signer, now)
      this.#add(signer, now)
      changes.push({ kind: 'announced', signer, next: now, trusted: this.trusted() })
    }
    return changes
  }

  /** The same node under another key: it is looked for where its present key is. */
  #add(signer: PeerIdStr, next: PeerIdStr): void {
    if (this.#servers.some((s) => s.peerId === next)) return
    const at = this.#servers.findIndex((s) => s.peerId === signer)
    const server = { peerId: next, addresses: this.#servers[at]?.addresses ?? [] }
    this.#servers = this.#servers.toSpliced(at + 1, 0, server)
    this.#announced.add(next)
  }

  #drop(peer: PeerIdStr): void {
    this.#servers = this.#servers.filter((s) => s.peerId !== peer)
    this.#next.delete(peer)
    this.#announced.delete(peer)
  }
}
