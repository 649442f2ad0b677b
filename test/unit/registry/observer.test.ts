import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { utf8 } from '../../../src/base/index.ts'
import { createEventObserver, type EventObserver } from '../../../src/registry/index.ts'
import { judgeBlock } from '../../../src/registry/observer.ts'
import { REGISTRY } from './support/fixtures.ts'
import { CountingMetrics, MemoryLogger } from './support/ports.ts'

const EVENT = {
  committed: true,
  txid: '0x01',
  type: 'contract_event',
  contract_event: { contract_identifier: REGISTRY.contract, topic: 'print', raw_value: '0x03' },
}
const blockOf = (...events: unknown[]) => ({ block_height: 1, index_block_hash: '0x00', events })

describe('judgeBlock', () => {
  const judge = (value: unknown) => judgeBlock(utf8(JSON.stringify(value)), REGISTRY.contract)
  it('should take a committed print event of our contract for a hint, wherever it stands', () => {
    expect(judge(blockOf(EVENT))).toBe('hint')
    expect(judge(blockOf(null, 5, { type: 'stx_transfer_event' }, EVENT))).toBe('hint')
  })
  it.each<[string, unknown]>([
    ['not committed', { ...EVENT, committed: false }],
    ['committed in words', { ...EVENT, committed: 'true' }],
    ['of another type', { ...EVENT, type: 'nft_mint_event' }],
    ['of another contract', { ...EVENT, contract_event: { ...EVENT.contract_event, contract_identifier: 'SM3.x' } }],
    [
      'of a contract whose name begins like ours',
      {
        ...EVENT,
        contract_event: { ...EVENT.contract_event, contract_identifier: `${REGISTRY.contract}2` },
      },
    ],
    ['of another topic', { ...EVENT, contract_event: { ...EVENT.contract_event, topic: 'other' } }],
    ['without a body', { ...EVENT, contract_event: null }],
  ])('should not take an event that is %s', (_what, event) => {
    expect(judge(blockOf(event))).toBe('no_event')
  })
  it('should take a block without events for no hint', () => {
    expect(judge(blockOf())).toBe('no_event')
  })
  it.each([{}, [], null, 5, 'x', { events: {} }, { events: 'x' }])('should call %j garbage', (value) => {
    expect(judge(value)).toBe('garbage')
  })
})

describe('event observer', () => {
  let hints = 0
  let metrics: CountingMetrics
  let observer: EventObserver
  beforeEach(async () => {
    hints = 0
    metrics = new CountingMetrics()
    observer = createEventObserver({ contract: REGISTRY.contract, onHint: () => void hints++, metrics })
    await observer.start()
  })
  afterEach(() => observer.stop())
  const post = (path: string, body: string) =>
    fetch(`http://127.0.0.1:${observer.port}${path}`, { method: 'POST', body })

  it('should hint for our event', async () => {
    expect((await post('/new_block', JSON.stringify(blockOf(EVENT)))).status).toBe(200)
    expect(hints).toBe(1)
    expect(metrics.of('registry_observer_posts_total', 'hint')).toBe(1)
  })

  it.each(['/attachments/new', '/new_burn_block', '/new_mempool_tx', '/no/such/path'])(
    'should answer 200 to %s and hint nothing',
    async (path) => {
      expect((await post(path, JSON.stringify(blockOf(EVENT)))).status).toBe(200)
      expect(hints).toBe(0)
      expect(metrics.of('registry_observer_posts_total', 'other_path')).toBe(1)
    },
  )

  it('should answer nothing but posts', async () => {
    expect((await fetch(`http://127.0.0.1:${observer.port}/new_block`)).status).toBe(405)
  })

  it('should answer 200 when taking the hint fails', async () => {
    const logger = new MemoryLogger()
    const broken = createEventObserver({
      contract: REGISTRY.contract,
      metrics,
      logger,
      onHint: () => {
        throw new Error('broken')
      },
    })
    await broken.start()
    const url = `http://127.0.0.1:${broken.port}/new_block`
    expect((await fetch(url, { method: 'POST', body: JSON.stringify(blockOf(EVENT)) })).status).toBe(200)
    expect(metrics.of('registry_observer_posts_total', 'failed')).toBe(1)
    expect(logger.messages('error')).toHaveLength(1)
    await broken.stop()
  })

  it('should listen on loopback unless told otherwise, and free its port at stop', async () => {
    const { port } = observer
    await observer.stop()
    const again = createEventObserver({ contract: REGISTRY.contract, onHint: () => {}, port })
    await again.start()
    expect(again.port).toBe(port)
    await again.stop()
  })

  it('should refuse a malformed contract at once', () => {
    expect(() => createEventObserver({ contract: 'sbtc-registry', onHint: () => {} })).toThrow(TypeError)
  })
})
