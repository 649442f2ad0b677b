import { checkAddonFile } from './addon-file.ts'
import { randomBytes } from './random.ts'

/** What is used of the `secp256k1` package: libsecp256k1 in C. Its functions throw Error on whatever they can't take. */
export interface Addon {
  contextRandomize(seed: Uint8Array): void
  privateKeyVerify(scalar: Uint8Array): boolean
  /** In place; reduces a value beyond the order. */
  privateKeyNegate(scalar: Uint8Array): Uint8Array
  /** In place; fails, and leaves zeros, where the sum is zero. Reduces a value beyond the order, refuses such a tweak. */
  privateKeyTweakAdd(scalar: Uint8Array, tweak: Uint8Array): Uint8Array
  /** In place; fails, and leaves zeros, for a tweak of zero. Reduces a value beyond the order, refuses such a tweak. */
  privateKeyTweakMul(scalar: Uint8Array, tweak: Uint8Array): Uint8Array
  publicKeyVerify(point: Uint8Array): boolean
  /** Into `output` if there is one, of 33 or 65 bytes. */
  publicKeyCreate(secret: Uint8Array, compressed?: boolean, output?: Uint8Array): Uint8Array
  publicKeyNegate(point: Uint8Array): Uint8Array
  publicKeyCombine(points: readonly Uint8Array[]): Uint8Array
  /** Variable-time: public scalars only. */
  publicKeyTweakMul(point: Uint8Array, scalar: Uint8Array, compressed?: boolean, output?: Uint8Array): Uint8Array
  ecdsaSign(digest: Uint8Array, secret: Uint8Array): { readonly signature: Uint8Array }
  ecdsaVerify(signature: Uint8Array, digest: Uint8Array, point: Uint8Array): boolean
  /** Variable-time: public values only. The public key that (r ‖ s) over the digest is of; fails where that is at infinity. */
  ecdsaRecover(
    signature: Uint8Array,
    recoveryId: number,
    digest: Uint8Array,
    compressed?: boolean,
    output?: Uint8Array,
  ): Uint8Array
  ecdh(point: Uint8Array, secret: Uint8Array, options: EcdhOptions, output: Uint8Array): Uint8Array
}

export interface EcdhOptions {
  readonly hashfn: (x: Uint8Array, y: Uint8Array) => Uint8Array
  readonly xbuf: Uint8Array
  readonly ybuf: Uint8Array
}

/** What finds the build of an addon for this machine, and would load it. */
interface Finder {
  resolve(directory: string): string
}

/** Starting a process, and its self-test, on a machine that is busy. */
const TRIAL_MS = 30_000

/**
 * Throws if this machine has no sound build of the addon. `bindings.js` is the addon itself: the package's index would load
 * JavaScript in its place without a word. Node's loader is asked for at run time, because the rpc client must also load
 * where there is no Node. `onOwnBuild` is told of a file that nobody can vouch for.
 */
export function loadAddon(onOwnBuild: (file: string) => void = () => {}): Addon {
  const { file, load } = findAddon()
  if (checkAddonFile(file, builtin('node:fs').readFileSync(file)) === 'own') {
    tryOwnBuild(file)
    onOwnBuild(file)
  }
  return load()
}

/** As it lies there: for a process that may die of it. */
export const loadUntried = (): Addon => findAddon().load()

function findAddon(): { readonly file: string; readonly load: () => Addon } {
  const module = builtin('node:module')
  const require = module.createRequire(import.meta.url)
  const bindings = require.resolve('secp256k1/bindings.js')
  // The one that the package itself will ask.
  const finder: Finder = module.createRequire(bindings)('node-gyp-build')
  const load = (): Addon => {
    const addon: Addon = require('secp256k1/bindings.js')
    // Blinds the multiplications with the generator, against what a side channel could see of a secret factor.
    addon.contextRandomize(randomBytes(32))
    return addon
  }
  return { file: finder.resolve(builtin('node:path').dirname(bindings)), load }
}

/**
 * An own build has no hash to compare with, and a damaged one ends the process that loads it, or computes with it, by a signal. So
 * another process does both first. A fraction of a second, and only where somebody has built the addon.
 */
function tryOwnBuild(file: string): void {
  const name = import.meta.url.endsWith('.ts') ? './own-build-trial.ts' : './own-build-trial.js'
  const { status, signal, stderr, error } = builtin('node:child_process').spawnSync(
    process.execPath,
    [builtin('node:url').fileURLToPath(new URL(name, import.meta.url))],
    { stdio: ['ignore', 'ignore', 'pipe'], timeout: TRIAL_MS, killSignal: 'SIGKILL', encoding: 'utf8' },
  )
  if (status === 0) return
  const why =
    error?.message ?? (signal === null ? /^\w*Error: .*/m.exec(stderr)?.[0] : undefined) ?? `ended by ${signal}`
  throw new Error(
    `${file}, built on this machine, did not pass a trial in a process of its own (${why}); build it again, or remove its build folder`,
  )
}

const builtin = ((name: string) => {
  const found = globalThis.process?.getBuiltinModule?.(name)
  if (found === undefined) throw new Error('native addons need Node')
  return found
}) as typeof process.getBuiltinModule
