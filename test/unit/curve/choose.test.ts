import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { type Curve, chooseCurve, nobleCurve, selfTest } from '../../../src/curve/index.ts'
import { BACKENDS, native } from './values.ts'

const INDEX = new URL('../../../src/curve/index.ts', import.meta.url).href
/** Passes the self-test, being noble, under the other name. */
const FAST: Curve = { ...nobleCurve, name: 'native' }
const notLoaded = (): Curve => {
  throw new Error('No native build was found\n    loaded from: /somewhere')
}

describe('the choice of a backend', () => {
  it.each([undefined, '', 'auto'])('should be the fast one that passes, asked for with %j', (wish) => {
    expect(chooseCurve(wish, () => FAST)).toEqual({ curve: FAST, fallback: undefined })
  })
  it('should be noble where asked for, with no look at the other', () => {
    const choice = chooseCurve('noble', () => expect.unreachable())
    expect(choice).toEqual({ curve: nobleCurve, fallback: 'COUNTERSIGN_CURVE=noble' })
  })
  it.each(['native', 'NOBLE', 'wasm'])('should be noble, and say what it knows, when asked for %j', (wish) => {
    const { curve, fallback } = chooseCurve(wish, () => FAST)
    expect(curve).toBe(nobleCurve)
    expect(fallback).toContain('"auto" and "noble"')
  })
  it('should be noble, openly, where the addon does not load', () => {
    expect(chooseCurve(undefined, notLoaded)).toEqual({
      curve: nobleCurve,
      fallback: 'the addon of secp256k1 does not load: No native build was found',
    })
  })
  it('should be noble, openly, where the addon computes something else', () => {
    const broken: Curve = { ...FAST, addScalars: (a) => a }
    expect(chooseCurve('auto', () => broken)).toEqual({ curve: nobleCurve, fallback: 'self-test failed: addScalars' })
  })
})

describe('the self-test', () => {
  it.each(BACKENDS)('should pass on $name', (curve) => expect(selfTest(curve)).toBeUndefined())

  const functions = (Object.keys(nobleCurve) as (keyof Curve)[]).filter((name) => name !== 'name')
  it.each(functions)('should name %s if that one throws', (name) => {
    const broken: Curve = {
      ...nobleCurve,
      [name]: () => {
        throw new Error('broken')
      },
    }
    expect(selfTest(broken)).toBe(name)
  })
  it.each(functions)('should name %s if that one gives something else', (name) => {
    const broken: Curve = { ...nobleCurve, [name]: () => new Uint8Array(33) }
    expect(selfTest(broken)).toBe(name)
  })
  it.each(['isSecret', 'isPoint', 'ecdsaVerify', 'schnorrVerify'] as const)(
    'should name %s if that one says yes to everything',
    (name) => expect(selfTest({ ...nobleCurve, [name]: () => true })).toBe(name),
  )
  it.each(['publicKeyOf', 'ecdhPoint', 'addPoints', 'negateScalar'] as const)(
    'should name %s if that one refuses nothing',
    (name) => {
      const lenient = (a: Uint8Array, b: Uint8Array): Uint8Array => {
        try {
          const compute: (a: Uint8Array, b: Uint8Array) => Uint8Array = nobleCurve[name]
          return compute(a, b)
        } catch {
          return new Uint8Array(33)
        }
      }
      expect(selfTest({ ...nobleCurve, [name]: lenient })).toBe(name)
    },
  )
})

describe('a process of its own', () => {
  const TELL = `import(${JSON.stringify(INDEX)}).then(({ curve, curveChoice }) =>
    console.log(JSON.stringify({ name: curve.name, fallback: curveChoice.fallback ?? null, elliptic: Object.keys(process.getBuiltinModule('node:module')._cache).some((f) => f.includes('elliptic')) })))`
  const told = async (env: Readonly<Record<string, string>>): Promise<unknown> => {
    const ran = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', TELL], {
      env: { PATH: process.env.PATH ?? '', ...env },
      timeout: 25_000,
    })
    return JSON.parse(ran.stdout)
  }

  it.runIf(native !== undefined)('should compute with the addon, and load no elliptic beside it', async () => {
    expect(await told({})).toEqual({ name: 'native', fallback: null, elliptic: false })
  })
  it('should compute with noble, and say why, on a platform without a build; elliptic takes no silent part', async () => {
    // What the loader of the addon asks before the machine.
    expect(await told({ npm_config_arch: 'none' })).toEqual({
      name: 'noble',
      fallback: expect.stringContaining('does not load: No native build was found'),
      elliptic: false,
    })
  })
  it('should compute with noble where the environment says so', async () => {
    expect(await told({ COUNTERSIGN_CURVE: 'noble' })).toEqual({
      ...{ name: 'noble', elliptic: false },
      fallback: 'COUNTERSIGN_CURVE=noble',
    })
  })
  it.runIf(native !== undefined)('should have the addon in each of several threads', async () => {
    const code = `import(${JSON.stringify(INDEX)}).then(({ curve }) =>
      process.getBuiltinModule('node:worker_threads').parentPort.postMessage(curve.name))`
    const env = { ...process.env, COUNTERSIGN_CURVE: 'auto' }
    const names = await Promise.all(
      [1, 2].map(() => {
        const { promise, resolve, reject } = Promise.withResolvers<unknown>()
        const worker = new Worker(code, { eval: true, env })
        worker.once('message', resolve).once('error', reject)
        return promise.finally(() => worker.terminate())
      }),
    )
    expect(names).toEqual(['native', 'native'])
  })
})
