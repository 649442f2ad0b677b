import type { Addon } from './native-addon.ts'

/**
 * The same addon, which is only ever shown memory of its own: V8 moves a small array out of its heap, for good, before native code
 * may look at it, which takes a microsecond, and leaves the bytes where they were as well. Nothing here is called by what it calls.
 */
export const withSlots = (addon: Addon): Addon => ({ ...addon, ...secretSlots(addon), ...publicSlots(addon) })

type Secret = 'privateKeyVerify' | 'privateKeyNegate' | 'privateKeyTweakAdd' | 'privateKeyTweakMul' | 'publicKeyCreate'
type Public = 'publicKeyVerify' | 'publicKeyNegate' | 'publicKeyTweakMul' | 'ecdsaRecover'

/** Of another length it is the addon's to refuse. */
function shown(bytes: Uint8Array, slot: Uint8Array): Uint8Array {
  if (bytes.length !== slot.length) return bytes
  slot.set(bytes)
  return slot
}

/** What may be secret is zeroed after each call. */
function secretSlots(addon: Addon): Pick<Addon, Secret> {
  const [first, second, point] = [new Uint8Array(32), new Uint8Array(32), new Uint8Array(33)]
  const zeroed = <T>(compute: () => T): T => {
    try {
      return compute()
    } finally {
      first.fill(0)
      second.fill(0)
    }
  }
  /** Written back also where it failed: what is left then is part of what the addon promises. */
  const inPlace = (scalar: Uint8Array, change: (at: Uint8Array) => unknown): Uint8Array =>
    zeroed(() => {
      const at = shown(scalar, first)
      try {
        change(at)
      } finally {
        if (at === first) scalar.set(first)
      }
      return scalar
    })
  return {
    privateKeyVerify: (scalar) => zeroed(() => addon.privateKeyVerify(shown(scalar, first))),
    privateKeyNegate: (scalar) => inPlace(scalar, (at) => addon.privateKeyNegate(at)),
    privateKeyTweakAdd: (scalar, tweak) => inPlace(scalar, (at) => addon.privateKeyTweakAdd(at, shown(tweak, second))),
    privateKeyTweakMul: (scalar, tweak) => inPlace(scalar, (at) => addon.privateKeyTweakMul(at, shown(tweak, second))),
    publicKeyCreate: (secret, compressed = true, output) =>
      zeroed(() => {
        const at = shown(secret, first)
        if (output !== undefined || !compressed) return addon.publicKeyCreate(at, compressed, output)
        return addon.publicKeyCreate(at, true, point).slice()
      }),
  }
}

function publicSlots(addon: Addon): Pick<Addon, Public> {
  const [scalar, signature] = [new Uint8Array(32), new Uint8Array(64)]
  const [point, made] = [new Uint8Array(33), new Uint8Array(33)]
  return {
    publicKeyVerify: (p) => addon.publicKeyVerify(shown(p, point)),
    publicKeyNegate: (p) => addon.publicKeyNegate(shown(p, point)),
    publicKeyTweakMul: (p, k, compressed = true, output) => {
      const [at, by] = [shown(p, point), shown(k, scalar)]
      if (output !== undefined || !compressed) return addon.publicKeyTweakMul(at, by, compressed, output)
      return addon.publicKeyTweakMul(at, by, true, made).slice()
    },
    ecdsaRecover: (s, recoveryId, digest, compressed = true) => {
      const [at, of] = [shown(s, signature), shown(digest, scalar)]
      if (!compressed) return addon.ecdsaRecover(at, recoveryId, of, false)
      return addon.ecdsaRecover(at, recoveryId, of, true, made).slice()
    },
  }
}
