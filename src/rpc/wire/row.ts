import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import type { Shape } from './shape.ts'

/** Who may call: `admitted` = whoever may open the stream, `granted` = who was granted this method in the config. */
export type Right = 'admitted' | 'granted'
/** Rate limits are kept per client and class (`server/quota.ts`). */
export const QUOTA_CLASSES = ['control', 'read', 'sign', 's2', 'keys'] as const
export type QuotaClass = (typeof QUOTA_CLASSES)[number]

/** The name under which rights to a key are granted, like `s2/musig2` or `keys/consensus-1`. */
export interface KeyName<Q extends DescMessage = DescMessage> {
  /** For docs/PROTOCOL.md. */
  readonly says: string
  /** Where it does not depend on the params. */
  readonly fixed: string | undefined
  of(params: MessageShape<Q>): string
}

/** What a request costs beside its items, because it is work whatever their number is. */
export interface Surcharge<P> {
  /** For docs/PROTOCOL.md. */
  readonly says: string
  of(params: P): number
}

/** One method. Server, client and docs/PROTOCOL.md all follow from this row. */
export interface MethodRow<Q extends DescMessage = DescMessage, A extends DescMessage = DescMessage> {
  /** One sentence, for the docs. */
  readonly summary: string
  readonly request: Shape<Q>
  readonly response: Shape<A>
  readonly right: Right
  /** None where no key is concerned: the right to the method is enough. */
  readonly key: KeyName<Q> | undefined
  /** What it answers is a secret, which needs a right of its own (`allow_secret_export`). */
  readonly exports: boolean
  /** These params sign bytes as they are under a key of the key service, which needs a right of its own (`allow_raw_sign`). */
  isRaw(params: MessageShape<Q>): boolean
  readonly quota: QuotaClass
  /** What a request takes of its class: its items, and the surcharge. */
  itemsOf(params: MessageShape<Q>): number
  readonly surcharge: Surcharge<MessageShape<Q>> | undefined
  /** Codes of the items of a batch that were refused. */
  refusedItems(result: MessageShape<A>): readonly string[]
  /** Every decision is written down, not only refusals by rights. */
  readonly audited: boolean
  /** A client may repeat it after a lost connection: the same params again do no more than once. */
  readonly idempotent: boolean
  /** Of the encoded params. */
  readonly maxRequestBytes: number
  readonly defaultTimeoutMs: number
  /** A longer wish is cut to this. */
  readonly maxTimeoutMs: number
}

/** The messages are told by their shapes alone, not by what else speaks of them. */
type Given<Q extends DescMessage, A extends DescMessage> = Pick<
  MethodRow<Q, A>,
  'summary' | 'request' | 'response' | 'right' | 'quota' | 'audited' | 'idempotent'
> &
  Pick<MethodRow<NoInfer<Q>>, 'key'> &
  Partial<
    Pick<
      MethodRow<NoInfer<Q>, NoInfer<A>>,
      | 'exports'
      | 'isRaw'
      | 'itemsOf'
      | 'surcharge'
      | 'refusedItems'
      | 'maxRequestBytes'
      | 'defaultTimeoutMs'
      | 'maxTimeoutMs'
    >
  >

/** Beyond the largest params, so that a field too many is told by name. */
const SLACK_BYTES = 32

export const row = <Q extends DescMessage, A extends DescMessage>(given: Given<Q, A>): MethodRow<Q, A> => ({
  exports: false,
  isRaw: () => false,
  itemsOf: () => 1,
  surcharge: undefined,
  refusedItems: () => [],
  maxRequestBytes: given.request.maxBytes + SLACK_BYTES,
  defaultTimeoutMs: 5_000,
  maxTimeoutMs: 30_000,
  ...given,
})

/** Batches may wait longer: a thousand curve operations, and one sync. */
export const BATCH_WAIT = { defaultTimeoutMs: 20_000, maxTimeoutMs: 60_000 } as const

/** Params of any method: the name is always the same. */
export const fixedKey = (name: string): KeyName => ({ says: `\`${name}\``, fixed: name, of: () => name })

export const keyBy = <Q extends DescMessage>(says: string, of: (params: MessageShape<Q>) => string): KeyName<Q> => ({
  says: `\`${says}\``,
  fixed: undefined,
  of,
})
