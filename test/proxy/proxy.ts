/** What went through a proxy, as far as a wire shows it. */
export interface Passage {
  readonly atMs: number
  readonly towards: 'target' | 'client'
  readonly bytes: number
}

/** How a proxy treats the bytes of its links, those it has and those to come. */
export type LinkState =
  | 'open'
  /** As in a partition: nothing arrives, nothing is refused, and what was sent comes late once it is open again (TCP). */
  | 'stalled'

export interface WireInit {
  readonly target: { readonly host: string; readonly port: number }
  /** The source address that the target sees; 127/8 is all ours on loopback. Default: the system's choice. */
  readonly localAddress?: string
  readonly onPassage?: (passage: Passage) => void
}

/** A wire between two real nodes that a test can watch, stall and cut. */
export interface Wire {
  /** On 127.0.0.1. */
  readonly port: number
  /** Links that stand now. */
  links(): number
  set(state: LinkState): void
  /** Ends the links that stand; new ones are taken as before. */
  cut(): void
  close(): Promise<void>
}
