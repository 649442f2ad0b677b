import { Encrypter } from 'age-encryption'
import { describe, expect, it } from 'vitest'
import { generateStorageIdentity, sealerOf, sealTo } from '../../../src/store/sealer.ts'

const SECRET = new Uint8Array(100).fill(7)

describe('a sealed record', () => {
  it('should be opened if it is sealed to one recipient, whoever did', async () => {
    const sealer = await sealerOf(await generateStorageIdentity())
    expect(await sealer.open(await sealer.seal(SECRET))).toEqual(SECRET)
    expect(await sealer.open(await sealTo(sealer.recipient, SECRET))).toEqual(SECRET)
  })

  it('should be opened whatever stands behind its header', async () => {
    const sealer = await sealerOf(await generateStorageIdentity())
    const told = new TextEncoder().encode('\n-> X25519 a\n-> X25519 b\n--- c')
    const box = await sealer.seal(told)
    expect(await sealer.open(box)).toEqual(told)
    // What is sealed looks like no text, so here it is put there: it is refused for being damaged only.
    await expect(sealer.open(Uint8Array.from([...box, ...told]))).rejects.toMatchObject({ cause: { name: 'Error' } })
  })

  it('should be refused unopened if it is sealed to many, though the right one is among them', async () => {
    const sealer = await sealerOf(await generateStorageIdentity())
    const encrypter = new Encrypter()
    const other = await sealerOf(await generateStorageIdentity())
    for (let i = 0; i < 3; i++) encrypter.addRecipient(other.recipient)
    encrypter.addRecipient(sealer.recipient)
    await expect(sealer.open(await encrypter.encrypt(SECRET))).rejects.toMatchObject({
      code: 'SEALED_RECORD_UNREADABLE',
      cause: { name: 'RangeError' },
    })
  })
})
