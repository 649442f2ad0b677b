import { type Account, accountOf } from './account.ts'
import { check, type Tally } from './check.ts'
import { fullest, verifyFile } from './file.ts'
import { play } from './play.ts'

/** What one seed came to, as one process tells it to another. */
export interface Verdict {
  readonly seed: string
  /** Everything that was not as it must be; empty. */
  readonly wrong: readonly string[]
  /** Undefined if the campaign did not come to its end. */
  readonly tally: Tally | undefined
  readonly account: Account | undefined
}

/** Plays a seed and judges it. Never rejects: what is thrown is what was wrong. */
export async function verdictOf(seed: string): Promise<Verdict> {
  try {
    const played = await play(seed)
    const tally = check(played)
    const node = fullest(played)
    const isVerified = node === undefined || (await verifyFile(node)) === 0
    const wrong = isVerified ? tally.wrong : [...tally.wrong, 'evidence verify does not accept the file']
    return { seed, wrong, tally, account: accountOf(played) }
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return { seed, wrong: [what], tally: undefined, account: undefined }
  }
}
