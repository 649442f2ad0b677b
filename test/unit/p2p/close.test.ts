import type { Connection, MessageStreamStatus } from '@libp2p/interface'
import { describe, expect, it } from 'vitest'
import { closeConnections } from '../../../src/p2p/close.ts'

class FakeConnection extends EventTarget {
  status: MessageStreamStatus = 'open'
  readonly aborts: Error[] = []
  readonly #saysSo: boolean
  constructor({ saysSo } = { saysSo: true }) {
    super()
    this.#saysSo = saysSo
  }
  abort(reason: Error): void {
    this.aborts.push(reason)
    this.status = 'aborted'
    if (this.#saysSo) this.dispatchEvent(new Event('close'))
  }
}
const close = (...connections: FakeConnection[]) =>
  closeConnections(connections as Partial<Connection>[] as Connection[])

describe('closing connections', () => {
  it('should abort each at once, and say how many there were', async () => {
    const [a, b] = [new FakeConnection(), new FakeConnection()]
    expect(await close(a, b)).toBe(2)
    expect([a, b].map((c) => c.aborts)).toMatchObject([[{ code: 'PEER_CLOSED' }], [{ code: 'PEER_CLOSED' }]])
  })
  it('should abort one that is closing politely', async () => {
    const c = new FakeConnection()
    c.status = 'closing'
    await close(c)
    expect(c.status).toBe('aborted')
  })
  it('should not wait for ever for an event that does not come', async () => {
    const c = new FakeConnection({ saysSo: false })
    expect(await close(c)).toBe(1)
    expect(c.aborts).toHaveLength(1)
  })
  it.each<MessageStreamStatus>(['closed', 'aborted', 'reset'])(
    'should not wait for one that is %s already',
    async (status) => {
      const c = new FakeConnection()
      c.status = status
      await close(c)
      expect(c.aborts).toEqual([])
    },
  )
})
