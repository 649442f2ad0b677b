import { afterEach, describe, expect, it } from 'vitest'
import { asSetHash, asTranscriptHash, type Clock, silentLogger, systemClock, u32be } from '../../../src/base/index.ts'
import { KeyPair, sha256 } from '../../../src/curve/index.ts'
import { CertificateHelp } from '../../../src/rounds/index.ts'
import type { StoredShare } from '../../../src/signer/index.ts'
import { MemoryBus } from '../../fixtures/bus.ts'
import { MemoryVault } from '../../fixtures/vault.ts'
import { dealKey } from '../crypto/signing-keys.ts'
import { ManualClock } from '../registry/support/ports.ts'

const dealt = dealKey(2, 3)
const { groupKey } = dealt.public
const hash = asSetHash('55'.repeat(32))
const transcript = asTranscriptHash('66'.repeat(32))
const CERTIFICATE = Uint8Array.of(1, 2, 3)
const [a, b] = dealt.members.map((m) =>
  Array.from({ length: 3 }, (_, i) => KeyPair.fromSecret(sha256(u32be(i + 1)))).find((k) => k.publicKey === m),
) as [KeyPair, KeyPair]

const shareOf = (key: KeyPair, certificate: Uint8Array): StoredShare => {
  const held = dealt.keys.get(key.publicKey)
  if (held === undefined) throw new Error('no share')
  return { transcript, epoch: 0, key: held, certificate }
}

const running: CertificateHelp[] = []
afterEach(async () => {
  for (const help of running.splice(0)) await help.stop()
})

async function member(
  bus: MemoryBus,
  key: KeyPair,
  certificate: Uint8Array,
  member = true,
  clock: Clock = systemClock,
) {
  const vault = new MemoryVault()
  await vault.put(shareOf(key, certificate))
  let certified = 0
  const help = new CertificateHelp({
    network: 'devnet',
    messenger: bus.messenger(key),
    vault,
    currentSet: () => (member ? { hash, groupKey } : undefined),
    isCertified: (share) => Buffer.from(share.certificate).equals(Buffer.from(CERTIFICATE)),
    onCertified: () => certified++,
    clock,
    logger: silentLogger,
  })
  running.push(help)
  return { vault, help, certified: () => certified }
}

describe('R20: a member that missed the end of keygen', () => {
  it('should get its certificate from another member', async () => {
    const bus = new MemoryBus()
    const holder = await member(bus, a, CERTIFICATE)
    const late = await member(bus, b, new Uint8Array(0))
    await holder.help.start()
    await late.help.start()
    await expect.poll(() => late.certified(), { timeout: 10_000 }).toBe(1)
    expect(late.vault.byGroupKey(groupKey)?.certificate).toEqual(CERTIFICATE)
  })

  it('should believe only a certificate that stands for its own share', async () => {
    const bus = new MemoryBus()
    const liar = await member(bus, a, Uint8Array.of(9))
    const late = await member(bus, b, new Uint8Array(0))
    await liar.help.start()
    await late.help.start()
    await expect.poll(() => bus.gossiped.some((e) => e.step === 'certificate'), { timeout: 10_000 }).toBe(true)
    await new Promise((next) => setImmediate(next))
    expect(late.certified()).toBe(0)
    expect(late.vault.byGroupKey(groupKey)).toBeUndefined()
  })

  it('should not ask, nor answer, while this node is not in the set', async () => {
    const bus = new MemoryBus()
    const outside = await member(bus, b, new Uint8Array(0), false)
    await outside.help.start()
    expect(bus.gossiped).toEqual([])
  })

  it('should not ask for a key that it can use', async () => {
    const bus = new MemoryBus()
    const whole = await member(bus, a, CERTIFICATE)
    await whole.help.start()
    expect(bus.gossiped).toEqual([])
  })

  it('should answer no more than once a second, however often it is asked', async () => {
    const bus = new MemoryBus()
    const holder = await member(bus, a, CERTIFICATE)
    await holder.help.start()
    const topic = { network: 'devnet', scope: hash, purpose: 'sign' } as const
    for (let i = 0; i < 20; i++)
      bus.speak(
        b,
        topic,
        { round: transcript, attempt: 0, step: 'certificate.get', payload: new Uint8Array(0) },
        a.publicKey,
      )
    await new Promise((next) => setImmediate(next))
    await new Promise((next) => setImmediate(next))
    expect(bus.gossiped.filter((e) => e.step === 'certificate')).toHaveLength(1)
  })

  it('should answer again after its pause, though the wall clock was set back meanwhile', async () => {
    const bus = new MemoryBus()
    const clock = new ManualClock()
    const holder = await member(bus, a, CERTIFICATE, true, clock)
    await holder.help.start()
    const topic = { network: 'devnet', scope: hash, purpose: 'sign' } as const
    const ask = { round: transcript, attempt: 0, step: 'certificate.get', payload: new Uint8Array(0) }
    const answers = () => bus.gossiped.filter((e) => e.step === 'certificate').length
    bus.speak(b, topic, ask, a.publicKey)
    await expect.poll(answers).toBe(1)
    clock.jump(-3_600_000)
    clock.advance(1_000)
    bus.speak(b, topic, ask, a.publicKey)
    await expect.poll(answers).toBe(2)
  })
})
