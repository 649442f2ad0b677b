import { CodedError } from '../base/index.ts'
import type { S2Config } from '../node/index.ts'

type NonceMode = S2Config['nonceMode']

export const TRANSPORT_CHOICES = ['tcp', 'quic', 'both'] as const
export type TransportChoice = (typeof TRANSPORT_CHOICES)[number]

export interface DevnetOptions {
  readonly signers: number
  readonly threshold: number
  readonly transport: TransportChoice
  /** A temporary folder if left out: removed at success, kept and named at failure. */
  readonly dir: string | undefined
  readonly once: boolean
  /** 32 raw bytes: the first signer's secret-service seed; a new one if left out. */
  readonly s2SeedFile: string | undefined
  readonly nonceMode: NonceMode
  readonly json: boolean
  /** stdout is a terminal that can be redrawn. */
  readonly live: boolean
  readonly blockIntervalMs: number
  readonly stdout: (text: string) => void
  readonly signal: AbortSignal
}

/** Throws `DEVNET_OPTIONS` with the remedy. The bounds are the registry's (R3) and the contract's. */
export function checkOptions(o: Pick<DevnetOptions, 'signers' | 'threshold'>): void {
  const bad = (message: string) => new CodedError('DEVNET_OPTIONS', message)
  // The registry's multisig ends at 16 keys (R3), the library that checks the embedded chain's transactions at 15.
  if (!Number.isInteger(o.signers) || o.signers < 2 || o.signers > 15)
    throw bad(`--signers must be 2 to 15, the most that the embedded chain's multisig takes, not ${o.signers}`)
  if (!Number.isInteger(o.threshold) || o.threshold * 2 <= o.signers || o.threshold > o.signers)
    throw bad(
      `--threshold must be more than half of the signers and at most all of them: ${Math.floor(o.signers / 2) + 1} to ${o.signers}, not ${o.threshold}`,
    )
  // FROST with t = 1 is a shared private key; noble and the registry's > n/2 both begin at 2.
  if (o.threshold < 2) throw bad('--threshold must be at least 2')
}
