import { cpSync, rmSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openMusigKeys, openS2Keys } from '../../src/crypto/index.ts'
import { curve, xOnly } from '../../src/curve/index.ts'
import { S2Error } from '../../src/signer/index.ts'
import { naiveMusigSigner } from '../fixtures/musig2-recover.ts'
import {
  type AttackResult,
  attackByMessages,
  attackByOutpoint,
  attackBySighash,
  type MusigClient,
} from '../fixtures/s2-attacks.ts'
import {
  freshRun,
  homeIn,
  OWN_KEY,
  type Running,
  type RunOptions,
  run,
  SEED,
} from '../unit/signer/s2/service-fixtures.ts'
import { tempFolders } from '../unit/store/temp-folder.ts'

const tempFolder = tempFolders()
const keys = openMusigKeys(openS2Keys(SEED))

/** The reference as it is. */
const naive = (): MusigClient => {
  const signer = naiveMusigSigner(keys)
  return {
    publicKey: signer.publicKey,
    nonce: async (...asked) => signer.publicNonce(...asked),
    partial: async (...asked) => signer.partial(...asked),
  }
}

/** Ours, as the process that runs at the time. */
const ours = (running: () => Running): MusigClient => ({
  publicKey: OWN_KEY,
  nonce: async (params, form) => (await running().service.musigNonces(params, [form])).map(valueIn)[0] ?? nothing(),
  partial: async (params, form, aggNonce, message) =>
    (await running().service.musigPartials(params, [{ form, aggNonce, message }])).map(valueIn)[0] ?? nothing(),
})
const valueIn = (outcome: Awaited<ReturnType<Running['service']['musigNonces']>>[number]): Uint8Array => {
  if (outcome.ok) return outcome.value
  throw new S2Error(outcome.reason, 'refused')
}
const nothing = (): never => {
  throw new Error('no outcome')
}

const ATTACKS: readonly [string, (client: MusigClient, between?: () => Promise<void>) => Promise<AttackResult>][] = [
  ['one sighash under three aggregate nonces', attackBySighash],
  ['one outpoint under three aggregate nonces and messages', attackByOutpoint],
  ['one outpoint and one aggregate nonce under three messages', attackByMessages],
]

describe.each(ATTACKS)('incident 17: %s', (_, attack) => {
  it('should give away the key of a signer that remembers nothing', async () => {
    const result = await attack(naive())
    expect(result.kind).toBe('recovered')
    if (result.kind !== 'recovered') return
    expect(xOnly(curve.publicKeyOf(result.secret))).toEqual(OWN_KEY)
  })

  it.each<[string, RunOptions]>([
    ['native', { mode: 'native' }],
    ['reference', { mode: 'reference' }],
    ['native, with nothing kept in memory', { mode: 'native', maxIdle: 0 }],
    ['native, with a journal', { mode: 'native', hasJournal: true }],
  ])('R30: should get one signature of ours, and EQUIVOCATION: %s', async (_how, options) => {
    const s = await freshRun(homeIn(tempFolder()), options)
    expect(await attack(ours(() => s))).toEqual({ kind: 'refused', code: 'EQUIVOCATION', partials: 1 })
    await s.stop()
  })

  it.each(['native', 'reference'] as const)(
    'R30: should get no more with a restart before each call: %s',
    async (mode) => {
      const home = homeIn(tempFolder())
      let s = await freshRun(home, { mode })
      const restart = async () => {
        await s.stop()
        s = await run(home, { mode })
      }
      expect(
        await attack(
          ours(() => s),
          restart,
        ),
      ).toEqual({ kind: 'refused', code: 'EQUIVOCATION', partials: 1 })
      await s.stop()
    },
  )

  it.each(['native', 'reference'] as const)(
    'R32: should get STATE_LOST of a store that is put back before each call: %s',
    async (mode) => {
      const home = homeIn(tempFolder())
      let s = await freshRun(home, { mode })
      const client = ours(() => s)
      let copied = false
      const shown: MusigClient = {
        ...client,
        nonce: async (...asked) => {
          const publicNonce = await client.nonce(...asked)
          await s.stop()
          cpSync(home.data, `${home.data}.backup`, { recursive: true })
          copied = true
          s = await run(home, { mode })
          return publicNonce
        },
      }
      const putBack = async () => {
        await s.stop()
        rmSync(home.data, { recursive: true })
        cpSync(`${home.data}.backup`, home.data, { recursive: true })
        s = await run(home, { mode })
      }
      expect(await attack(shown, putBack)).toEqual({ kind: 'refused', code: 'STATE_LOST', partials: 1 })
      expect(copied).toBe(true)
      await s.stop()
    },
  )

  it.each(['native', 'reference'] as const)(
    'R32: should get STATE_LOST of a copy on another machine: %s',
    async (mode) => {
      const home = homeIn(tempFolder())
      let s = await freshRun(home, { mode })
      const client = ours(() => s)
      const first = s
      const toTheCopy = async () => {
        if (s !== first) return
        // Taken before anything was signed; LevelDB's lock is of a process, so the copy can be opened here.
        s = await run({ ...homeIn(tempFolder()), data: `${home.data}.copy` }, { mode })
      }
      const shown: MusigClient = {
        ...client,
        nonce: async (...asked) => {
          const publicNonce = await client.nonce(...asked)
          cpSync(home.data, `${home.data}.copy`, { recursive: true })
          return publicNonce
        },
      }
      expect(await attack(shown, toTheCopy)).toEqual({ kind: 'refused', code: 'STATE_LOST', partials: 1 })
      await s.stop()
      await first.stop()
    },
  )
})
