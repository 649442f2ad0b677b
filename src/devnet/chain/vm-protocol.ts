import type { ClarityAbi } from '@stacks/transactions'

/** What the chain asks of the Clarity VM in its worker. Clarity values are hex without 0x. */
export type VmRequest =
  | { readonly kind: 'deploy'; readonly name: string; readonly source: string; readonly sender: string }
  | { readonly kind: 'call'; readonly call: VmCall }
  /** Reads as of VM height `at`; as of now if left out. */
  | { readonly kind: 'read'; readonly call: VmCall; readonly at?: number }
  /** Starts a block: on a new Bitcoin block, or on the same one. */
  | { readonly kind: 'advance'; readonly burn: boolean }
  | { readonly kind: 'variables'; readonly contract: string }

export interface VmCall {
  /** `<address>.<name>` */
  readonly contract: string
  readonly fn: string
  readonly args: readonly string[]
  readonly sender: string
}

export interface VmHeights {
  readonly height: number
  readonly burnHeight: number
}
export interface VmEvent {
  readonly contract: string
  readonly topic: string
  readonly rawValue: string
}
export interface VmCallResult {
  readonly result: string
  /** False if the function returned an `err`: its writes and events are gone. */
  readonly committed: boolean
  readonly events: readonly VmEvent[]
  readonly height: number
}
/** The function broke off: no such function, a panic, a value of a wrong type. */
export interface VmRuntimeError {
  readonly error: string
  readonly height: number
}

/** Answer by request kind. */
export interface VmAnswers {
  readonly deploy: { readonly abi: ClarityAbi; readonly height: number }
  readonly call: VmCallResult | VmRuntimeError
  readonly read: { readonly result: string } | VmRuntimeError
  readonly advance: VmHeights
  /** Name → value, serialised. */
  readonly variables: Readonly<Record<string, string>>
}

export type VmReply =
  | { readonly kind: 'ready'; readonly heights: VmHeights }
  | { readonly kind: 'failed'; readonly missing: boolean; readonly message: string }
  | { readonly kind: 'answer'; readonly id: number; readonly value: VmAnswers[keyof VmAnswers] }
  | { readonly kind: 'error'; readonly id: number; readonly message: string }

export interface VmWorkerData {
  readonly simnetModule: string
}
export interface VmEnvelope {
  readonly id: number
  readonly request: VmRequest
}
