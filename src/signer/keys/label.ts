import { isHex, LIMITS } from '../../base/index.ts'
import type { KeyLabel } from './backend.ts'
import { KeyError } from './errors.ts'
import { KEY_CAPABILITIES, KEY_TYPES, type KeyCapability, type KeyScheme, type KeySpec, type KeyType } from './types.ts'

const NAME = /^[a-z0-9._-]{1,64}$/
/** Of domains and contexts: words of a protocol, with paths. */
const DOMAIN = /^[a-z0-9._/-]{1,64}$/
const DOMAIN_SAYS = '1 to 64 of a-z, 0-9, ., _, / and -'
const NAME_SAYS = '1 to 64 of a-z, 0-9, ., _ and -'

/** Which uses a type has at all. */
const USES: Readonly<Record<KeyType, readonly KeyCapability[]>> = {
  secp256k1: ['sign', 'export'],
  ed25519: ['sign', 'export'],
  x25519: ['agree', 'export'],
}
const SCHEMES: Readonly<Record<KeyType, readonly KeyScheme[]>> = {
  secp256k1: ['schnorr', 'ecdsa'],
  ed25519: ['ed25519'],
  x25519: [],
}
export const schemesOf = (type: KeyType): readonly KeyScheme[] => SCHEMES[type]
export const publicKeyBytesOf = (type: KeyType): number => (type === 'secp256k1' ? 33 : 32)

export const badRequest = (field: string, expected: string): KeyError =>
  new KeyError('BAD_REQUEST', `${field}: expected ${expected}`, { field, expected })

export function checkName(name: string): void {
  if (!NAME.test(name)) throw badRequest('name', NAME_SAYS)
}
export function checkDomain(field: 'domain' | 'context', text: string): void {
  if (!DOMAIN.test(text)) throw badRequest(field, DOMAIN_SAYS)
}

/** The spec with its capabilities in the usual order. Throws `BAD_REQUEST` naming the field. */
export function checkSpec({ type, name, role, capabilities }: KeySpec): KeySpec {
  if (!KEY_TYPES.includes(type)) throw badRequest('type', KEY_TYPES.join(', '))
  checkName(name)
  if (!NAME.test(role)) throw badRequest('role', NAME_SAYS)
  const fits = capabilities.every((c) => USES[type].includes(c)) && new Set(capabilities).size === capabilities.length
  if (!fits || capabilities.length === 0)
    throw badRequest('capabilities', `one or more of ${USES[type].join(', ')}, each once, for a key of ${type}`)
  return { type, name, role, capabilities: KEY_CAPABILITIES.filter((c) => capabilities.includes(c)) }
}

/** Of a label that was read from somewhere; nothing in it may be more than what `checkSpec` lets through. */
export function isLabel(label: KeyLabel): boolean {
  try {
    checkSpec(label)
  } catch {
    return false
  }
  const { id, version, createdAtMs } = label
  return (
    isHex(id, 16) && version >= 1 && version <= LIMITS.maxKeyVersions && Number.isSafeInteger(version + createdAtMs)
  )
}

/** Says what differs first, for the message of an error; undefined if nothing does. */
export function labelDifference(a: KeyLabel, b: KeyLabel): string | undefined {
  for (const field of ['id', 'name', 'role', 'type', 'version', 'createdAtMs'] as const)
    if (a[field] !== b[field]) return field
  return a.capabilities.join() === b.capabilities.join() ? undefined : 'capabilities'
}
