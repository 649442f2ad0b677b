import { CodedError, jsonAnswer } from '../base/index.ts'
import type { RotationReconciler } from '../rotation/index.ts'
import { type AdminRoute, jsonBody } from '../status/index.ts'
import { viewOfKeptHandoff } from './handoff-view.ts'
import { viewOfRotation } from './rotation-view.ts'

type Face = Pick<RotationReconciler, 'status' | 'handOver' | 'handoffs'>

/**
 * `GET /rotation/handoff`: the pending set's, and this operator's lists of now and before with their signatures.
 * `POST /rotation/handoff`: the operator's list, instead of the one before (R29); or its end, with `withdraw`.
 */
export function handoffRoutes(current: () => Face): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/rotation/handoff',
      mutating: false,
      handler: async () => {
        const rotation = viewOfRotation(current().status())
        return jsonAnswer(200, { rotation, lists: (await current().handoffs()).map(viewOfKeptHandoff) })
      },
    },
    {
      method: 'POST',
      path: '/rotation/handoff',
      mutating: true,
      handler: async (request) => {
        const { items = [], hold = false, withdraw = false, pending_id: expectedId } = jsonBody(request)
        if (typeof hold !== 'boolean' || typeof withdraw !== 'boolean')
          throw new CodedError('BAD_REQUEST', "the handoff's hold and withdraw must be true or false")
        if (expectedId !== undefined && typeof expectedId !== 'string')
          throw new CodedError('BAD_REQUEST', "the handoff's pending id is malformed")
        const listed = listOf(items)
        // An empty list must be meant: what it would drop may be the sweep of everything.
        if (withdraw ? listed.length > 0 || hold : listed.length === 0 && !hold)
          throw new CodedError(
            'BAD_REQUEST',
            'a handoff is either withdrawn, or lists digests, or holds for those to come',
          )
        const { id } = await current().handOver(listed, { hold, expectedId })
        return jsonAnswer(200, { pendingId: id, items: listed, hold, withdrawn: withdraw })
      },
    },
  ]
}

/** Shapes only; what they say is judged by the reconciler. */
function listOf(items: unknown): readonly { readonly digest: string; readonly merkleRoot: string }[] {
  if (!Array.isArray(items)) throw malformed()
  return items.map((item: unknown) => {
    if (typeof item !== 'object' || item === null) throw malformed()
    const { digest, merkle_root: merkleRoot = 'none' } = item as Readonly<Record<string, unknown>>
    if (typeof digest !== 'string' || typeof merkleRoot !== 'string') throw malformed()
    return { digest, merkleRoot }
  })
}

const malformed = () =>
  new CodedError('BAD_REQUEST', "the handoff's items are malformed: each has a digest and a merkle_root")
