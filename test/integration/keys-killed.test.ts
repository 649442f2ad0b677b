import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import { silentLogger, systemClock, toHex } from '../../src/base/index.ts'
import { KeyPair } from '../../src/curve/index.ts'
import { digestOf, fileKeyBackend, keyService, verifyKeySignature } from '../../src/signer/index.ts'
import { generateStorageIdentity, openStore, sealerOf } from '../../src/store/index.ts'
import { tempFolders } from '../unit/store/temp-folder.ts'

const tempFolder = tempFolders()
const KILLS = 3

it('should keep every key and every version that was answered, however often its node is killed', async () => {
  const [folder, identity] = [tempFolder(), await generateStorageIdentity()]
  const told: (readonly string[])[] = []
  for (let run = 0; run < KILLS; run++) {
    const child = spawn(process.execPath, [join(import.meta.dirname, '../fixtures/key-maker.ts'), folder, identity], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    // At an odd number of answers in one run and an even one in the next: between a making and a rotation, or after both.
    let left = 5 + run
    for await (const line of createInterface({ input: child.stdout })) {
      told.push(line.split(' '))
      if (--left === 0) child.kill('SIGKILL')
    }
    expect((await ended)[1]).toBe('SIGKILL')
  }
  expect(told.length).toBeGreaterThanOrEqual(5 + 6 + 7)

  const store = openStore({ dir: join(folder, 'store'), logger: silentLogger })
  await store.start()
  const owner = KeyPair.fromSecret(new Uint8Array(32).fill(7)).publicKey
  const init = { dir: join(folder, 'keys'), sealer: await sealerOf(identity), owner, logger: silentLogger }
  const keys = keyService({
    backend: fileKeyBackend(init),
    space: store.space('keys'),
    clock: systemClock,
    logger: silentLogger,
  })
  await keys.start()
  expect(keys.troubles()).toEqual([])
  const raw = { kind: 'raw', digest: new Uint8Array(32) } as const
  for (const [name = '', version, publicKey] of told) {
    const ref = { name, version: Number(version) }
    expect(toHex(keys.publicKey(ref).publicKey)).toBe(publicKey)
    const signature = await keys.sign(ref, 'ed25519', raw)
    expect(verifyKeySignature('ed25519', signature, digestOf(raw), keys.publicKey(ref).publicKey)).toBe(true)
  }
  await keys.stop()
  await store.stop()
})
