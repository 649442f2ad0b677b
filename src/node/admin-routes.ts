import { CodedError, jsonAnswer } from '../base/index.ts'
import { parsePublicKey } from '../curve/index.ts'
import type { RotationReconciler, SetProposal } from '../rotation/index.ts'
import { type AdminRoute, jsonBody } from '../status/index.ts'
import { isRefused, type Reloader, refusalText } from './reload/index.ts'
import { viewOfRotation } from './rotation-view.ts'

/** `GET /rotation`, and the operator's consent: `POST /rotation/approve`, with `dry_run` to see what it would mean. */
export function rotationRoutes(current: () => RotationReconciler): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/rotation',
      mutating: false,
      handler: () => jsonAnswer(200, { rotation: viewOfRotation(current().status()) }),
    },
    {
      method: 'POST',
      path: '/rotation/approve',
      mutating: true,
      handler: async (request) => {
        const reconciler = current()
        const body = jsonBody(request)
        const proposal = proposalOf(body)
        const dryRun = body.dry_run === true
        const expectedId = body.pending_id === undefined ? undefined : String(body.pending_id)
        const { id, keys, threshold, attempt } = dryRun
          ? reconciler.preview(proposal)
          : await reconciler.approve(proposal, { replace: body.replace === true, expectedId })
        return jsonAnswer(200, { pendingId: id, keys, threshold, attempt, approved: !dryRun })
      },
    },
  ]
}

/**
 * R7: between two identities what the routes would change is being taken down. 503, and nothing is done: the operator
 * asks again in seconds, and must not take an answer of the old key for one of the new.
 */
export function refusedInMove(
  routes: readonly AdminRoute[],
  identity: { readonly isMoving: boolean },
): readonly AdminRoute[] {
  const message = 'the node is moving to the other key of this operator: try again in a few seconds'
  return routes.map((route) => ({
    ...route,
    handler: (request) =>
      route.mutating && identity.isMoving
        ? jsonAnswer(503, { error: { code: 'IDENTITY_MOVING', message } })
        : route.handler(request),
  }))
}

/** `POST /reload`: the report; 409 with the report beside the error if nothing was applied. */
export function reloadRoute(reloader: Pick<Reloader, 'reload'>): AdminRoute {
  return {
    method: 'POST',
    path: '/reload',
    mutating: true,
    handler: async () => {
      const reload = await reloader.reload('admin')
      if (!isRefused(reload)) return jsonAnswer(200, { reload })
      const message = `nothing was reloaded, the node goes on as before: ${refusalText(reload)}`
      return jsonAnswer(409, { error: { code: 'RELOAD_REFUSED', message }, reload })
    },
  }
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
