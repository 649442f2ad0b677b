import {
  type Counter,
  describeError,
  type HttpAnswer,
  type HttpRequest,
  HttpServer,
  type Logger,
  type Metrics,
  noMetrics,
  type Startable,
  silentLogger,
} from '../base/index.ts'
import { isRecord, parseJsonObject } from './json.ts'
import { parseContractId } from './principal.ts'

export interface EventObserverInit {
  /** `<address>.<contract name>` */
  readonly contract: string
  /** Called for an event of the contract: never with what the event says, it is only a reason to read the chain. */
  readonly onHint: () => void
  /** There is no authentication: keep it on loopback or a private network. Default 127.0.0.1. */
  readonly host?: string
  /** Default 0: any free port. */
  readonly port?: number
  readonly logger?: Logger
  readonly metrics?: Metrics
}

export interface EventObserver extends Startable {
  /** Port in use, once started. */
  readonly port: number
}

/** Closed list, also metric labels: what a post to the observer was. */
export const OBSERVED = ['hint', 'no_event', 'garbage', 'other_path', 'failed'] as const
export type Observed = (typeof OBSERVED)[number]

/** A block with 2 MiB of transactions in hex, with its events. A node whose post is refused would repeat it for ever. */
const MAX_POST_BYTES = 32 * 1024 * 1024
const REQUEST_TIMEOUT_MS = 10_000

/** Takes `POST /new_block` of a Stacks node (R10). Throws TypeError on a malformed contract. */
export const createEventObserver = (init: EventObserverInit): EventObserver => new HttpEventObserver(init)

class HttpEventObserver implements EventObserver {
  readonly #init: EventObserverInit
  readonly #server: HttpServer
  readonly #logger: Logger
  readonly #posts: Counter<'result'>

  constructor(init: EventObserverInit) {
    parseContractId(init.contract)
    this.#init = init
    this.#logger = (init.logger ?? silentLogger).child('observer')
    this.#posts = (init.metrics ?? noMetrics).counter('registry_observer_posts_total', 'Posts to the event observer', [
      'result',
    ])
    this.#server = new HttpServer({
      listen: { host: init.host ?? '127.0.0.1', port: init.port ?? 0 },
      maxBodyBytes: MAX_POST_BYTES,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      handler: (request) => this.#answer(request),
      logger: this.#logger,
    })
  }

  get port(): number {
    return this.#server.port
  }
  start(): Promise<void> {
    return this.#server.start()
  }
  stop(): Promise<void> {
    return this.#server.stop()
  }

  /** Always 200 to a post, whatever it holds: any other answer makes the node repeat it and may block it (incident 40). */
  #answer(request: HttpRequest): HttpAnswer {
    if (request.method !== 'POST') return { status: 405, body: 'POST only\n' }
    this.#posts.inc({ result: this.#take(request) })
    return { status: 200, body: '' }
  }

  #take(request: HttpRequest): Observed {
    if (request.path !== '/new_block') return 'other_path'
    const seen = judgeBlock(request.body, this.#init.contract)
    if (seen === 'garbage') this.#logger.debug('The event observer was sent garbage', { bytes: request.body.length })
    if (seen !== 'hint') return seen
    try {
      this.#init.onHint()
      return 'hint'
    } catch (error) {
      this.#logger.error('Taking a registry hint failed', { error: describeError(error) })
      return 'failed'
    }
  }
}

/** `hint` if the block has a committed print event of `contract`; anyone may post, so nothing else of it is believed. */
export function judgeBlock(body: Uint8Array, contract: string): 'hint' | 'no_event' | 'garbage' {
  const block = parseJsonObject(body)
  if (!Array.isArray(block?.events)) return 'garbage'
  const ours = block.events.some(
    (event: unknown) =>
      isRecord(event) &&
      event.committed === true &&
      event.type === 'contract_event' &&
      isRecord(event.contract_event) &&
      event.contract_event.contract_identifier === contract &&
      event.contract_event.topic === 'print',
  )
  return ours ? 'hint' : 'no_event'
}
