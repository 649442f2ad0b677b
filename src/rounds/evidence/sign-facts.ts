import type { PublicKey, SetHash, TranscriptHash } from '../../base/index.ts'
import type { NonceCommitment, Tweak } from '../../crypto/index.ts'
import type { EnvelopeFields } from '../../p2p/index.ts'
import { decodeSign } from '../sign/codec.ts'
import { packageHash } from '../sign/hashes.ts'
import { commitmentsAt } from '../sign/shares.ts'

/** What a package says, as far as a share is judged by it. */
export interface PackageFacts {
  readonly packageHash: string
  readonly setHash: SetHash
  readonly transcript: TranscriptHash
  readonly items: readonly {
    readonly digest: Uint8Array
    readonly tweak: Tweak
    readonly commitments: ReadonlyMap<PublicKey, NonceCommitment>
  }[]
}
export interface ShareFacts {
  readonly coordinator: PublicKey
  readonly packageHash: string
  /** One for each item of the package, 32 bytes. */
  readonly shares: readonly Uint8Array[]
}

/** undefined for anything but a package. */
export function packageFacts({ author, attempt, step, payload }: EnvelopeFields): PackageFacts | undefined {
  const p = step === 'package' ? decodeSign(step, payload) : undefined
  if (p === undefined) return undefined
  const { setHash, transcript } = p.request
  const items = p.request.items.map((item, i) => ({ ...item, commitments: commitmentsAt(p, i) }))
  return { packageHash: packageHash(author, attempt, p), setHash, transcript, items }
}

/** undefined for anything but a share. */
export function shareFacts({ step, payload }: EnvelopeFields): ShareFacts | undefined {
  const s = step === 'share' ? decodeSign(step, payload) : undefined
  return s && { coordinator: s.coordinator, packageHash: s.packageHash, shares: s.shares }
}
