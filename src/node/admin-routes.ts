import { CodedError, jsonAnswer } from '../base/index.ts'
import { parsePublicKey } from '../curve/index.ts'
import type { RotationReconciler, SetProposal } from '../rotation/index.ts'
import { type AdminRoute, jsonBody } from '../status/index.ts'
import { viewOfRotation } from './status.ts'

/** `GET /rotation`, and the operator's consent: `POST /rotation/approve`, with `dry_run` to see what it would mean. */
export function rotationRoutes(reconciler: RotationReconciler): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/rotation',
      mutating: false,
      handler: () => jsonAnswer(200, { rotation: viewOfRotation(reconciler.status()) }),
    },
    {
      method: 'POST',
      path: '/rotation/approve',
      mutating: true,
      handler: async (request) => {
        const body = jsonBody(request)
        const proposal = proposalOf(body)
        const { id, keys, threshold, attempt } = reconciler.preview(proposal)
        // What was shown to the operator is what is approved, even if the registry changed between the two calls.
        if (body.pending_id !== undefined && body.pending_id !== id)
          throw new CodedError(
            'PENDING_ID_CHANGED',
            'the registry changed since this set was shown: look again, then approve',
          )
        if (body.dry_run !== true) await reconciler.approve(proposal, { replace: body.replace === true })
        return jsonAnswer(200, { pendingId: id, keys, threshold, attempt, approved: body.dry_run !== true })
      },
    },
  ]
}

function proposalOf(body: Readonly<Record<string, unknown>>): SetProposal {
  const { keys, threshold, attempt = 1 } = body
  const bad = (what: string) => new CodedError('BAD_REQUEST', `the approval's ${what} is malformed`)
  if (!Array.isArray(keys) || !keys.every((k) => typeof k === 'string')) throw bad('list of keys')
  if (typeof threshold !== 'number' || !Number.isSafeInteger(threshold)) throw bad('threshold')
  if (typeof attempt !== 'number' || !Number.isSafeInteger(attempt) || attempt < 0) throw bad('attempt')
  try {
    return { keys: keys.map((k) => parsePublicKey(k)), threshold, attempt }
  } catch {
    throw bad('list of keys')
  }
}
