import type { Addon } from './native-addon.ts'

/**
 * The same addon, which is only ever shown memory of its own: V8 moves a small array out of its heap, for good, before native code
 * may look at it, which takes a microsecond, and leaves the bytes where they were. What may be secret is zeroed
 * there after each call. Nothing here is called by what it calls.
 */
export function withSlots(addon: Addon): Addon {
  const [first, second, signature] = [new Uint8Array(32), new Uint8Array(32), new Uint8Array(64)]
  const [point, made] = [new Uint8Array(33), new Uint8Array(33)]

  /** Of another length it is the addon's to refuse. */
  const shown = (bytes: Uint8Array, slot: Uint8Array): Uint8Array => {
    if (bytes.length !== slot.length) return bytes
    slot.set(bytes)
    return slot
  }
  const inPlace = (scalar: Uint8Array, change: (shown: Uint8Array) => unknown): Uint8Array => {
    const at = shown(scalar, first)
    try {
      change(at)
    } finally {
      // Also where it failed: what it left is part of what the port promises.
      if (at === first) {
        scalar.set(first)
        first.fill(0)
      }
    }
    return scalar
  }

  return {
    ...addon,
    privateKeyVerify: (scalar) => {
      try {
        return addon.privateKeyVerify(shown(scalar, first))
      } finally {
        first.fill(0)
      }
    },
    privateKeyNegate: (scalar) => inPlace(scalar, (at) => addon.privateKeyNegate(at)),
    privateKeyTweakAdd: (scalar, tweak) => {
      try {
        return inPlace(scalar, (at) => addon.privateKeyTweakAdd(at, shown(tweak, second)))
      } finally {
        second.fill(0)
      }
    },
    privateKeyTweakMul: (scalar, tweak) => {
      try {
        return inPlace(scalar, (at) => addon.privateKeyTweakMul(at, shown(tweak, second)))
      } finally {
        second.fill(0)
      }
    },
    publicKeyVerify: (p) => addon.publicKeyVerify(shown(p, point)),
    publicKeyCreate: (secret, compressed = true, output) => {
      try {
        const at = shown(secret, first)
        if (output !== undefined || !compressed) return addon.publicKeyCreate(at, compressed, output)
        return addon.publicKeyCreate(at, true, made).slice()
      } finally {
        first.fill(0)
      }
    },
    publicKeyNegate: (p) => addon.publicKeyNegate(shown(p, point)),
    // Of public scalars only: nothing to zero.
    publicKeyTweakMul: (p, scalar, compressed = true, output) => {
      const [at, by] = [shown(p, point), shown(scalar, second)]
      if (output !== undefined || !compressed) return addon.publicKeyTweakMul(at, by, compressed, output)
      return addon.publicKeyTweakMul(at, by, true, made).slice()
    },
    ecdsaRecover: (s, recoveryId, digest, compressed = true) => {
      const [at, of] = [shown(s, signature), shown(digest, second)]
      if (!compressed) return addon.ecdsaRecover(at, recoveryId, of, false)
      return addon.ecdsaRecover(at, recoveryId, of, true, made).slice()
    },
  }
}
