import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkAddonFile, SHIPPED } from '../../../src/curve/addon-file.ts'
import { type Curve, chooseCurve, nobleCurve, selfTest } from '../../../src/curve/index.ts'
import { BACKENDS, native } from './values.ts'

const INDEX = new URL('../../../src/curve/index.ts', import.meta.url).href
const PACKAGE = dirname(createRequire(import.meta.url).resolve('secp256k1/bindings.js'))
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

/** Which of the shipped builds the loader takes. */
const isForHere = (path: string): boolean =>
  path.includes(`${process.platform}-${process.arch}`) && (process.platform !== 'linux' || path.includes('glibc'))

describe('the file of the addon', () => {
  const [name = '', other = ''] = Object.keys(SHIPPED.sha256)
  const read = (path: string) => readFile(join(PACKAGE, 'prebuilds', path))

  it('should be known by its hash for each platform that the installed package has a build for', async () => {
    const found = await readdir(join(PACKAGE, 'prebuilds'), { recursive: true })
    const files = found.filter((path) => path.endsWith('.node')).map((path) => path.replaceAll('\\', '/'))
    expect(files.toSorted()).toEqual(Object.keys(SHIPPED.sha256).toSorted())
    for (const file of files) expect(checkAddonFile(join(PACKAGE, 'prebuilds', file), await read(file))).toBe('shipped')
    expect(JSON.parse(await readFile(join(PACKAGE, 'package.json'), 'utf8')).version).toBe(SHIPPED.version)
  })
  it.each([
    ['one bit differs', (bytes: Uint8Array) => bytes.with(70_000, (bytes[70_000] ?? 0) ^ 1)],
    ['a byte is missing', (bytes: Uint8Array) => bytes.subarray(0, -1)],
    ['it is empty', () => new Uint8Array()],
  ])('should be refused if %s', async (_what, damage) => {
    const bytes = new Uint8Array(await read(name))
    expect(() => checkAddonFile(`/x/prebuilds/${name}`, damage(bytes))).toThrow(/is damaged/)
  })
  it('should be refused under the name of another, or of none', async () => {
    const bytes = await read(name)
    expect(() => checkAddonFile(`/x/prebuilds/${other}`, bytes)).toThrow(/is damaged/)
    expect(() => checkAddonFile('/x/prebuilds/beos-x64/secp256k1.node', bytes)).toThrow(/is damaged/)
  })
  it.each(['/x/build/Release/a.node', 'C:\\x\\build\\Debug\\a.node'])(
    'should be taken as it is where it is an own build: %s',
    (path) => expect(checkAddonFile(path, new Uint8Array())).toBe('own'),
  )
  it('should not be taken for an own build by a folder further up', () => {
    expect(() => checkAddonFile(`/build/Release/prebuilds/${name}`, new Uint8Array())).toThrow(/is damaged/)
  })
})

describe('a process of its own', () => {
  const TELL = `import(${JSON.stringify(INDEX)}).then(({ curve, curveChoice }) =>
    console.log(JSON.stringify({ name: curve.name, fallback: curveChoice.fallback ?? null, ownBuild: curveChoice.ownBuild, elliptic: Object.keys(process.getBuiltinModule('node:module')._cache).some((f) => f.includes('elliptic')) })))`
  const told = async (env: Readonly<Record<string, string>>): Promise<Readonly<Record<string, unknown>>> => {
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
  describe('with files of its own', () => {
    let dir: string
    beforeEach(async () => {
      dir = await mkdtemp(join(tmpdir(), 'countersign-addon-'))
      await cp(join(PACKAGE, 'prebuilds'), join(dir, 'prebuilds'), { recursive: true })
    })
    afterEach(() => rm(dir, { recursive: true, force: true }))
    /** The loader's own variable. */
    const toldThere = () => told({ SECP256K1_PREBUILD: dir })
    const shipped = Object.keys(SHIPPED.sha256)

    it.runIf(native !== undefined)('should compute with the addon where they are as shipped', async () => {
      expect(await toldThere()).toEqual({ name: 'native', fallback: null, elliptic: false })
    })
    // Without the comparison this process ends by a signal, and says nothing.
    it.runIf(native !== undefined).each([0, 5_000, 100_000])(
      'should compute with noble, and say why, where only %i bytes of the addon are left',
      async (bytes) => {
        for (const name of shipped) await truncate(join(dir, 'prebuilds', name), bytes)
        expect(await toldThere()).toEqual({
          ...{ name: 'noble', elliptic: false },
          fallback: expect.stringMatching(/is damaged, or not of secp256k1 5\.0\.2: .*reinstall with "npm ci"/),
        })
      },
    )
    it.runIf(native !== undefined)('should compute with the addon that somebody built here, and name it', async () => {
      const built = shipped.map((name) => join(dir, 'prebuilds', name)).find(isForHere)
      await mkdir(join(dir, 'build/Release'), { recursive: true })
      const file = join(dir, 'build/Release/addon.node')
      await cp(built ?? '', file)
      expect(await toldThere()).toEqual({ name: 'native', fallback: null, ownBuild: file, elliptic: false })
    })
    // Without the trial this process ends by a signal, and says nothing.
    it.runIf(native !== undefined).each<readonly [string, (bytes: Uint8Array) => Uint8Array]>([
      ['a quarter of it is left', (bytes) => bytes.subarray(0, bytes.length / 4)],
      ['half of it is left', (bytes) => bytes.subarray(0, bytes.length / 2)],
      ['all but its head is zero', (bytes) => bytes.map((byte, i) => (i < 4_096 ? byte : 0))],
      ['it is empty', () => new Uint8Array()],
    ])(
      'should compute with noble, and name the file, where somebody built the addon here and %s',
      async (_what, damage) => {
        const built = shipped.map((name) => join(dir, 'prebuilds', name)).find(isForHere)
        await mkdir(join(dir, 'build/Release'), { recursive: true })
        const file = join(dir, 'build/Release/addon.node')
        await writeFile(file, damage(new Uint8Array(await readFile(built ?? ''))))
        const { name, fallback, ownBuild } = await toldThere()
        expect([name, ownBuild]).toEqual(['noble', undefined])
        expect(fallback).toContain(`${file}, built on this machine, did not pass a trial`)
        expect(fallback).toMatch(/\((ended by SIG[A-Z]+|\w*Error: .*)\); build it again, or remove its build folder$/)
      },
    )
    it('should compute with noble, and say why, where what somebody built is no addon at all; elliptic takes no silent part', async () => {
      await mkdir(join(dir, 'build/Release'), { recursive: true })
      await writeFile(join(dir, 'build/Release/addon.node'), 'not an addon')
      expect(await toldThere()).toMatchObject({
        ...{ name: 'noble', elliptic: false },
        fallback: expect.stringContaining('the addon of secp256k1 does not load'),
      })
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
