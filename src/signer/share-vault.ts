import { join } from 'node:path'
import { equalBytes, type GroupKey, type TranscriptHash, zeroize } from '../base/index.ts'
import { ensurePrivateFolder, type Space } from '../store/index.ts'
import { type EpochRecords, loadEpochRecords } from './epoch-records.ts'
import { SignerError } from './errors.ts'
import { checkShare, isStaged, loadShares, refusal, type ShareFilesInit, writeShare } from './share-files.ts'
import { encodeShare, shareFileName } from './share-record.ts'
import type { ShareVault, StoredShare } from './types.ts'

export interface ShareVaultInit extends ShareFilesInit {
  /** Space of the store that remembers the newest certified epoch of each key (R38). */
  readonly epochs: Space
}

/**
 * Opens every sealed share of this node and checks what stands inside against its place, its owner, the verifying share,
 * the certificate and the recorded epoch (R38). Nothing is ever deleted here, and the folder is made with mode 0700.
 * Throws `SHARE_UNREADABLE`, `SHARE_FOREIGN`, `SHARE_MISPLACED`, `SHARE_INVALID`, `SHARE_OLD_EPOCH`, `SHARE_MISSING`,
 * and the store's `FILE_TOO_OPEN`; each names the file.
 */
export async function openShareVault(init: ShareVaultInit): Promise<ShareVault> {
  await ensurePrivateFolder(init.dir)
  const epochs = await loadEpochRecords(init.epochs)
  const shares = await loadShares(init)
  checkEpochs(init.dir, shares, epochs)
  for (const share of shares) if (!isStaged(share)) await epochs.advance(share.key.public.groupKey, share)
  return new SealedShareVault(init, epochs, shares)
}

class SealedShareVault implements ShareVault {
  readonly #init: ShareVaultInit
  readonly #epochs: EpochRecords
  readonly #shares: Map<TranscriptHash, StoredShare>
  /** The certified share of the newest epoch, by group key: it is asked for with every round, and staged ones may be many. */
  readonly #newest = new Map<GroupKey, StoredShare>()
  /** Puts run one after the other, so that two for one transcript can't both pass. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(init: ShareVaultInit, epochs: EpochRecords, shares: readonly StoredShare[]) {
    this.#init = init
    this.#epochs = epochs
    this.#shares = new Map(shares.map((share) => [share.transcript, share]))
    for (const share of shares) this.#index(share)
  }

  byTranscript(transcript: TranscriptHash): StoredShare | undefined {
    return this.#shares.get(transcript)
  }

  /** The certified share of the newest epoch; never a staged one (R21). */
  byGroupKey(groupKey: GroupKey): StoredShare | undefined {
    return this.#newest.get(groupKey)
  }

  /** By group key, then epoch. */
  list(): readonly StoredShare[] {
    return [...this.#shares.values()].sort(
      (a, b) => compareText(a.key.public.groupKey, b.key.public.groupKey) || a.epoch - b.epoch,
    )
  }

  /**
   * An empty certificate stages a share (R20); the same share with its certificate completes it. The same again changes
   * nothing. Throws `SHARE_CONFLICT`, `SHARE_FOREIGN`, `SHARE_INVALID`, `KEY_PACKAGE_INVALID`, and what a failed write throws.
   */
  async put(share: StoredShare): Promise<void> {
    const path = join(this.#init.dir, shareFileName(share.key.public.groupKey, share.transcript))
    const plaintext = encodeShare(share)
    const put = async () => {
      try {
        await this.#put(path, plaintext)
      } finally {
        zeroize(plaintext)
      }
    }
    const done = this.#last.then(put, put)
    this.#last = done
    await done
  }

  async #put(path: string, plaintext: Uint8Array): Promise<void> {
    // What is kept is what the file will say: a share that could not be loaded again is refused now (R20).
    const { share, groupKey } = checkShare(this.#init, path, plaintext)
    const held = this.#shares.get(share.transcript)
    if (held !== undefined) {
      if (!isSameShare(held, share))
        throw new SignerError('SHARE_CONFLICT', `${path} holds another share of the same transcript already`, { path })
      if (isStaged(share) || !isStaged(held)) return
    }
    await writeShare(this.#init, path, plaintext, held !== undefined)
    this.#shares.set(share.transcript, share)
    this.#index(share)
    if (!isStaged(share)) await this.#epochs.advance(groupKey, share)
  }

  #index(share: StoredShare): void {
    const { groupKey } = share.key.public
    const before = this.#newest.get(groupKey)
    if (!isStaged(share) && (before === undefined || before.epoch <= share.epoch)) this.#newest.set(groupKey, share)
  }
}

/** Everything but the certificate. */
function isSameShare(a: StoredShare, b: StoredShare): boolean {
  const certificate = new Uint8Array(0)
  const [x, y] = [encodeShare({ ...a, certificate }), encodeShare({ ...b, certificate })]
  const same = equalBytes(x, y)
  zeroize(x, y)
  return same
}

/** A key whose newest file is older than its record was put back from an old copy (R38). */
function checkEpochs(dir: string, shares: readonly StoredShare[], epochs: EpochRecords): void {
  for (const [groupKey, record] of epochs.all()) {
    const held = shares.filter((s) => s.key.public.groupKey === groupKey && !isStaged(s))
    const newest = held.reduce((max, s) => Math.max(max, s.epoch), -1)
    if (newest >= record.epoch) continue
    const path = join(dir, shareFileName(groupKey, record.transcript))
    if (newest < 0) throw refusal('SHARE_MISSING', path, `the share of key ${groupKey}, epoch ${record.epoch}, is gone`)
    throw refusal(
      'SHARE_OLD_EPOCH',
      path,
      `key ${groupKey} has reached epoch ${record.epoch} and only epoch ${newest} is here`,
    )
  }
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
