import { create, type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf'
import { fromHex } from '../../../src/base/index.ts'
import type { Random } from '../../simulator/random.ts'
import { aggNonceOf, OWN_KEY, others } from '../../unit/signer/s2/service-fixtures.ts'
import { below, bytesOf, pick } from './draw.ts'

/** x-only and compressed: the generator, a key, no point at all (x = 5 is on no curve point), infinity, n, n − 1, p. */
const G = '79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'
const NO_POINT = `${'00'.repeat(31)}05`
const ORDER = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141'
const ORDER_LESS_1 = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140'
const PRIME = 'fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f'
const EDGES = [
  ...[G, NO_POINT, ORDER, ORDER_LESS_1, PRIME, '00'.repeat(32), 'ff'.repeat(32)],
  ...[
    `02${G}`,
    `03${NO_POINT}`,
    `04${G}`,
    '00'.repeat(33),
    `02${G}03${G}`,
    '00'.repeat(66),
    `02${G}${'00'.repeat(33)}`,
  ],
]
  .map(fromHex)
  .concat(OWN_KEY, OWN_KEY, aggNonceOf(0), ...others(2))
const LENGTHS = [0, 1, 16, 20, 31, 32, 32, 32, 32, 33, 36, 64, 65, 66, 300]
const NUMBERS = [0, 1, 2, 3, 7, 255, 65_535, 0x7fff_ffff, 0xffff_ffff]
const TEXTS = [
  '',
  'a',
  'deposit-1',
  'consensus-1',
  '../x',
  'ü',
  '\u0000',
  'x'.repeat(65),
  's2/musig2',
  'age1',
  '__proto__',
]

/** A message of any shape: right lengths more often than not, and what stands at the edges of what is allowed. */
export function anyMessage(random: Random, desc: DescMessage, depth = 0): Message {
  const init: Record<string, unknown> = {}
  for (const member of desc.members) {
    if (random.chance(0.1)) continue
    if (member.kind === 'oneof') {
      const field = pick(random, member.fields)
      init[member.localName] = { case: field.localName, value: single(random, field, depth) }
    } else init[member.localName] = fieldValue(random, member, depth)
  }
  return create(desc, init)
}

function fieldValue(random: Random, field: DescField, depth: number): unknown {
  if (field.fieldKind === 'map') return {}
  if (field.fieldKind !== 'list') return single(random, field, depth)
  const items = Array.from({ length: pick(random, [0, 1, 1, 2, 3, 5]) }, () => single(random, field, depth))
  // The same one twice.
  return items.length > 0 && random.chance(0.2) ? [...items, items[0]] : items
}

function single(random: Random, field: DescField, depth: number): unknown {
  if (field.message !== undefined) return depth > 4 ? undefined : anyMessage(random, field.message, depth + 1)
  if (field.enum !== undefined) return random.chance(0.1) ? 77 : pick(random, field.enum.values).number
  switch (field.scalar) {
    case ScalarType.BYTES:
      return random.chance(0.4) ? pick(random, EDGES) : bytesOf(random, pick(random, LENGTHS))
    case ScalarType.STRING:
      return pick(random, TEXTS)
    case ScalarType.BOOL:
      return random.chance(0.5)
    case ScalarType.UINT64:
    case ScalarType.INT64:
      return BigInt(pick(random, NUMBERS)) * BigInt(1 + below(random, 1_000_000))
    default:
      return pick(random, NUMBERS)
  }
}
