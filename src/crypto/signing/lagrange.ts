import { BoundedMap } from '../../base/index.ts'
import { parseIdentifier } from '../identifier.ts'
import { lagrangeAtZero } from '../public-scalars.ts'

/** A batch has one set of signers for all its digests; a few such sets are under way at once. */
const REMEMBERED_SETS = 64
const known = new BoundedMap<string, readonly bigint[]>(REMEMBERED_SETS)

/** λ of each of these distinct identifiers, in their order. */
export const lagrangeOf = (identifiers: readonly string[]): readonly bigint[] =>
  known.getOrMake(identifiers.join(), () => lagrangeAtZero(identifiers.map((id) => parseIdentifier(id).scalar)))
