import type { Connection, MessageStreamStatus } from '@libp2p/interface'
import { describe, expect, it } from 'vitest'
import { closeConnections } from '../../../src/p2p/close.ts'

class FakeConnection extends EventTarget {
  status: MessageStreamStatus = 'open'
  readonly calls: string[] = []
  /** How it takes a polite close. */
  readonly #manner: 'closes' | 'hangs' | 'fails' | 'never says so'
  constructor(manner: 'closes' | 'hangs' | 'fails' | 'never says so') {
    super()
    this.#manner = manner
  }
  async close(): Promise<void> {
    this.calls.push('close')
    if (this.#manner === 'fails') throw new Error('muxer is gone')
    if (this.#manner === 'closes') this.#end('closed')
    if (this.#manner === 'hangs') await new Promise(() => {})
  }
  abort(): void {
    this.calls.push('abort')
    if (this.#manner !== 'never says so') this.#end('aborted')
  }
  #end(status: MessageStreamStatus): void {
    this.status = status
    this.dispatchEvent(new Event('close'))
  }
}
const close = (...connections: FakeConnection[]) =>
  closeConnections(connections as Partial<Connection>[] as Connection[])

describe('closing connections', () => {
  it('should close politely where that works', async () => {
    const c = new FakeConnection('closes')
    expect(await close(c)).toBe(1)
    expect(c.calls).toEqual(['close'])
  })
  it.each(['hangs', 'fails'] as const)('should abort a connection whose close %s', async (manner) => {
    const c = new FakeConnection(manner)
    await close(c)
    expect(c.calls).toEqual(['close', 'abort'])
    expect(c.status).toBe('aborted')
  })
  it('should not wait for ever for an event that does not come', async () => {
    const c = new FakeConnection('never says so')
    await close(c)
    expect(c.calls).toEqual(['close', 'abort'])
  })
  it('should leave alone what is already closed', async () => {
    const c = new FakeConnection('closes')
    c.status = 'aborted'
    await close(c)
    expect(c.calls).toEqual([])
  })
  it('should not let one that hangs keep the others open', async () => {
    const [a, b] = [new FakeConnection('hangs'), new FakeConnection('closes')]
    expect(await close(a, b)).toBe(2)
    expect([a.status, b.status]).toEqual(['aborted', 'closed'])
  })
})
