import { encodeFields, fromHex, type PublicKey, toHex } from '../../base/index.ts'
import { taggedHash } from '../../curve/index.ts'
import type { SignPackage, SignRequest } from './types.ts'

const EMPTY = new Uint8Array(0)

/** Fields that fix what a signature is of; a request id alone names nothing until they are beside it (R27). */
function askedFields(r: SignRequest): (Uint8Array | string)[] {
  const root = r.tweak.kind === 'key' ? (r.tweak.merkleRoot ?? EMPTY) : EMPTY
  return [fromHex(r.groupKey), fromHex(r.requestId), r.digest, r.tweak.kind, root]
}

/** Name of the round, 32 bytes as hex: same request, same round, whoever coordinates. */
export const requestHash = (request: SignRequest): string =>
  toHex(taggedHash('countersign/sign-request', encodeFields(...askedFields(request))))

/** What a share is signed over: the whole package with its coordinator and session (R26), 32 bytes as hex. */
export function packageHash(coordinator: PublicKey, session: number, p: SignPackage): string {
  const { setHash, transcript } = p.request
  const entries = [...p.commitments].flatMap(([member, c]) => [fromHex(member), c.hiding, c.binding])
  return toHex(
    taggedHash(
      'countersign/sign-package',
      encodeFields(fromHex(coordinator), fromHex(p.run), session, fromHex(setHash), fromHex(transcript)),
      encodeFields(...askedFields(p.request)),
      encodeFields(...entries),
    ),
  )
}

/** Same set and same shares; the round already fixes the rest. */
export const sameRequest = (a: SignRequest, b: SignRequest): boolean =>
  a.setHash === b.setHash && a.transcript === b.transcript && requestHash(a) === requestHash(b)
