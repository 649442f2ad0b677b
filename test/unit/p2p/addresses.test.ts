import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import { beforeEach, describe, expect, it } from 'vitest'
import { LIMITS, refuse } from '../../../src/base/index.ts'
import type { KeyPair } from '../../../src/curve/index.ts'
import { AddressBook } from '../../../src/p2p/address-book.ts'
import { decodeRecords, encodeFile, encodeRecords } from '../../../src/p2p/addresses/frame.ts'
import { RecordJudge } from '../../../src/p2p/addresses/judge.ts'
import { StoredBook } from '../../../src/p2p/addresses/keeper.ts'
import { libp2pRecordCodec } from '../../../src/p2p/addresses/libp2p-record.ts'
import { MemoryLogger } from '../registry/support/ports.ts'
import { keyPair, TestClock, TestMetrics, TestRoles } from './kit.ts'

const [self, ann, bob, stranger] = ['self', 'ann', 'bob', 'stranger'].map(keyPair) as [
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
]
const TCP = '/ip4/192.0.2.1/tcp/1'
const codec = libp2pRecordCodec(self)
const sealed = async (key: KeyPair, seq: number, ...addresses: readonly string[]) =>
  (await libp2pRecordCodec(key).seal(seq, addresses)).wire
/** A record that names `of` under the signature, and the key, of `by`. */
async function signedBy(by: KeyPair, of: KeyPair, addresses: readonly string[] = [TCP]): Promise<Uint8Array> {
  const peerId = peerIdFromPrivateKey(privateKeyFromRaw(of.exposeSecret()))
  const record = new PeerRecord({ peerId, multiaddrs: addresses.map((a) => multiaddr(a)), seqNumber: 9n })
  return (await RecordEnvelope.seal(record, privateKeyFromRaw(by.exposeSecret()))).marshal()
}
/** The last byte of the signature is another one. */
const forged = (wire: Uint8Array): Uint8Array => wire.map((b, i) => (i === wire.length - 1 ? b ^ 1 : b))

describe('a signed peer record', () => {
  it('should say who, where and how new, as libp2p itself reads it', async () => {
    const { wire } = await libp2pRecordCodec(ann).seal(7, [TCP, '/unix/x'])
    const read = await RecordEnvelope.openAndCertify(wire, PeerRecord.DOMAIN)
    expect(PeerRecord.createFromProtobuf(read.payload).multiaddrs.map(String)).toEqual([TCP])
    const decoded = codec.decode(wire)
    expect(decoded).toMatchObject({ ok: true, value: { peer: ann.peerId, seq: 7, addresses: [TCP] } })
    expect(codec.peek(wire)).toEqual({ ok: true, value: { peer: ann.peerId, seq: 7 } })
    expect(decoded.ok && (await decoded.value.verify())).toBe(true)
  })
  it('should not pass with another signature', async () => {
    const decoded = codec.decode(forged(await sealed(ann, 7, TCP)))
    expect(decoded.ok && (await decoded.value.verify())).toBe(false)
  })
  it('should not pass under the key of another peer', async () => {
    expect(codec.decode(await signedBy(bob, ann))).toEqual({ ok: false, reason: 'malformed' })
  })
  it('should not be taken with too many addresses, or too many bytes', async () => {
    const many = Array.from({ length: LIMITS.maxRecordAddresses + 1 }, (_, i) => `/ip4/192.0.2.${i}/tcp/1`)
    expect(codec.decode(await signedBy(ann, ann, many))).toEqual({ ok: false, reason: 'oversized' })
    const long = Array.from({ length: 8 }, (_, i) => `/dns4/${`${'x'.repeat(60)}.`.repeat(3)}a${i}/tcp/1`)
    expect(codec.decode(await signedBy(ann, ann, long))).toEqual({ ok: false, reason: 'oversized' })
    expect((await libp2pRecordCodec(ann).seal(1, long)).wire.length).toBeLessThanOrEqual(LIMITS.maxRecordBytes)
  })
  it.each([
    ['nothing', []],
    ['noise', [1, 2, 3]],
    ['an overlong field', [0x0a, 0xff, 0xff, 0x7f]],
  ])('should not be read from %s', (_what, bytes) => {
    expect(codec.decode(Uint8Array.from(bytes))).toEqual({ ok: false, reason: 'malformed' })
    expect(codec.peek(Uint8Array.from(bytes))).toEqual({ ok: false, reason: 'malformed' })
  })
})

describe('records that a peer brings', () => {
  let book: AddressBook
  let roles: TestRoles
  let metrics: TestMetrics
  let clock: TestClock
  let judge: RecordJudge
  let turns: number
  beforeEach(() => {
    book = new AddressBook()
    roles = new TestRoles(ann.peerId, bob.peerId)
    metrics = new TestMetrics()
    clock = new TestClock()
    turns = 0
    judge = new RecordJudge({ self: self.peerId, codec, book, roles, clock, metrics })
  })
  /** Until all of the frame is judged; the judge lets go in between, for a turn that costs no time. */
  const bring = async (...records: readonly Uint8Array[]) => {
    const judging = judge.judge(bob.peerId, records, 5)
    let isOver = false
    const over = () => {
      isOver = true
    }
    judging.then(over, over)
    while (!isOver) {
      await new Promise((resolve) => setImmediate(resolve))
      if (clock.delays().length > 0) turns++
      clock.advance(0)
    }
    return judging
  }
  const dropped = (reason: string) => metrics.count(`p2p_address_records_dropped_total{${reason}}`)

  it('should be taken when they are new, and once', async () => {
    const wire = await sealed(ann, 7, TCP)
    expect((await bring(wire)).learned).toEqual([ann.peerId])
    expect((await bring(wire)).learned).toEqual([])
    expect(book.of(ann.peerId)).toEqual([TCP])
    expect(metrics.count('p2p_address_records_learned_total{}')).toBe(1)
  })
  it('should not be taken when they are older than what is known', async () => {
    await bring(await sealed(ann, 7, TCP))
    await bring(await sealed(ann, 6, '/ip4/192.0.2.6/tcp/1'))
    expect(book.of(ann.peerId)).toEqual([TCP])
    expect(dropped('stale')).toBe(1)
  })
  it('should not be taken of peers that the gate does not admit', async () => {
    await bring(await sealed(stranger, 7, TCP), forged(await sealed(keyPair('another stranger'), 8, TCP)))
    expect(book.records()).toEqual([])
    // Not even worth a look at the signature.
    expect([dropped('foreign'), dropped('forged')]).toEqual([2, 0])
  })
  it('should let everything else have its turn after a few checks', async () => {
    const members = Array.from({ length: 20 }, (_, i) => keyPair(`member ${i}`))
    for (const m of members) roles.members.add(m.peerId)
    const { learned } = await bring(...(await Promise.all(members.map((m) => sealed(m, 1, TCP)))))
    expect(learned).toHaveLength(20)
    expect(turns).toBe(5)
  })
  it('should be read no further once they name a peer twice', async () => {
    await bring(await sealed(ann, 7, TCP), await sealed(ann, 8, TCP), await sealed(bob, 7, TCP))
    expect(book.recordOf(ann.peerId)?.seq).toBe(7)
    expect(book.recordOf(bob.peerId)).toBeUndefined()
    expect(dropped('repeated')).toBe(1)
  })
  it('should be decoded only if they are of somebody who matters, and new', async () => {
    let decoded = 0
    const decode = (wire: Uint8Array) => {
      decoded++
      return codec.decode(wire)
    }
    const counting = { ...codec, decode }
    judge = new RecordJudge({ self: self.peerId, codec: counting, book, roles, clock, metrics })
    const [known, older] = [await sealed(ann, 7, TCP), await sealed(ann, 6, TCP)]
    await bring(known)
    await bring(known)
    await bring(older)
    await bring(await sealed(stranger, 1, TCP))
    expect(decoded).toBe(1)
  })
  it('should not be taken when they are of another peer, or newer, than a first look said', async () => {
    for (const said of [
      { peer: bob.peerId, seq: 7 },
      { peer: ann.peerId, seq: 8 },
    ]) {
      const lying = { ...codec, peek: () => ({ ok: true as const, value: said }) }
      judge = new RecordJudge({ self: self.peerId, codec: lying, book, roles, clock, metrics })
      await bring(await sealed(ann, 7, TCP))
    }
    expect(book.records()).toEqual([])
    expect(dropped('malformed')).toBe(2)
  })
  it('should not be taken of a peer that was removed while the signature was checked', async () => {
    const judging = bring(await sealed(ann, 7, TCP))
    roles.members.delete(ann.peerId)
    await judging
    expect(book.records()).toEqual([])
    expect(dropped('foreign')).toBe(1)
  })
  it('should not be taken when forged, nor anything that stands behind in the same frame', async () => {
    await bring(forged(await sealed(ann, 7, TCP)), await sealed(bob, 7, TCP))
    expect(book.records()).toEqual([])
    expect(dropped('forged')).toBe(1)
  })
  it('should not keep the good ones from being taken when malformed, oversized or foreign', async () => {
    await bring(Uint8Array.of(1), new Uint8Array(2_000), await sealed(stranger, 1, TCP), await sealed(ann, 7, TCP))
    expect(book.of(ann.peerId)).toEqual([TCP])
    expect([dropped('malformed'), dropped('oversized'), dropped('foreign')]).toEqual([1, 1, 1])
  })
  it("should tell of this node's own record only if it is newer, and genuine", async () => {
    expect((await bring(await sealed(self, 5, TCP))).ownSeq).toBeUndefined()
    expect((await bring(await sealed(self, 4, TCP))).ownSeq).toBeUndefined()
    expect((await bring(forged(await sealed(self, 8, TCP)))).ownSeq).toBeUndefined()
    expect((await bring(await sealed(self, 8, TCP))).ownSeq).toBe(8)
    expect(book.records()).toEqual([])
  })
  it('should not make this node check signatures without end', async () => {
    const wire = forged(await sealed(ann, 7, TCP))
    for (let i = 0; i < 300; i++) await bring(wire)
    expect(dropped('forged')).toBe(2 * LIMITS.maxRecordsPerFrame)
    expect(dropped('rate')).toBe(300 - 2 * LIMITS.maxRecordsPerFrame)
    expect((await judge.judge(ann.peerId, [await sealed(bob, 1, TCP)], 5)).learned).toEqual([bob.peerId])
    clock.advance(60_000)
    expect((await bring(await sealed(ann, 7, TCP))).learned).toEqual([ann.peerId])
  })
  it('should not be news of one peer again and again', async () => {
    for (let seq = 1; seq <= 20; seq++) await bring(await sealed(ann, seq, TCP))
    expect(book.recordOf(ann.peerId)?.seq).toBe(8)
    expect(dropped('rate')).toBe(12)
    clock.advance(60_000)
    expect((await bring(await sealed(ann, 20, TCP))).learned).toEqual([ann.peerId])
  })
})

describe('the address book on disk', () => {
  const clock = new TestClock()
  function stored(
    bytes: Uint8Array | undefined | Error,
    roles: Pick<TestRoles, 'mayConnect'> = new TestRoles(ann.peerId),
  ) {
    const book = new AddressBook()
    const log = new MemoryLogger()
    const saved: Uint8Array[] = []
    const keeper = {
      load: async () => {
        if (bytes instanceof Error) throw bytes
        return bytes
      },
      save: async (written: Uint8Array) => {
        saved.push(written)
      },
    }
    const own = () => undefined
    return {
      book,
      log,
      saved,
      file: new StoredBook({ self: self.peerId, keeper, book, codec, roles, own, clock, logger: log }),
    }
  }
  it('should be read again as it was written, own sequence included', async () => {
    const { book, file } = stored(encodeFile([await sealed(self, 3), await sealed(ann, 7, TCP)]))
    expect(await file.load()).toBe(3)
    expect(book.of(ann.peerId)).toEqual([TCP])
  })
  it('should not be believed without its signatures', async () => {
    const { book, file, log } = stored(encodeFile([forged(await sealed(ann, 7, TCP)), await signedBy(bob, ann)]))
    expect(await file.load()).toBe(0)
    expect(book.records()).toEqual([])
    expect(log.messages('warn')).toHaveLength(1)
  })
  it.each([
    ['damaged', Uint8Array.of(0xff, 0xff)],
    ['of another version', encodeFile([]).map((b) => (b === 1 ? 2 : b))],
    ['unreadable', new Error('EIO')],
  ])('should be empty, with a warning, when it is %s', async (_what, bytes) => {
    const { book, file, log } = stored(bytes)
    expect(await file.load()).toBe(0)
    expect(book.records()).toEqual([])
    expect(log.messages('warn')).toHaveLength(1)
  })
  it('should be written soon, once for many changes, and hold only whom the gate admits', async () => {
    const { book, file, saved } = stored(undefined)
    for (const key of [ann, stranger]) {
      const decoded = codec.decode(await sealed(key, 7, TCP))
      if (decoded.ok) book.learnRecord(decoded.value)
    }
    for (let i = 0; i < 5; i++) file.changed()
    clock.advance(10_000)
    await expect.poll(() => saved).toHaveLength(1)
    expect(saved[0]).toEqual(encodeFile([await sealed(ann, 7, TCP)]))
  })
  it.each(['not_ready', 'registry_stale'] as const)(
    'should keep the addresses of members while the gate says %s to all (incident 1)',
    async (reason) => {
      const { file, saved } = stored(encodeFile([await sealed(ann, 7, TCP)]), {
        mayConnect: () => refuse(reason) as never,
      })
      await file.load()
      await file.flush()
      expect(saved[0]).toEqual(encodeFile([await sealed(ann, 7, TCP)]))
    },
  )
})

describe('frames of the exchange', () => {
  it('should carry no more records than a set has, and no others be read', async () => {
    const wire = await sealed(ann, 1, TCP)
    const many = Array<Uint8Array>(LIMITS.maxRecordsPerFrame + 1).fill(wire)
    expect(decodeRecords(encodeRecords(many))).toHaveLength(LIMITS.maxRecordsPerFrame)
    const tooMany = Uint8Array.from([...encodeRecords(many), ...encodeRecords([wire])])
    expect(decodeRecords(tooMany)).toBeUndefined()
    expect(decodeRecords(Uint8Array.of(0x0a, 0x7f))).toBeUndefined()
  })
})
