import { CodedError, jsonAnswer } from '../base/index.ts'
import type { Recalls } from '../rotation/index.ts'
import { type AdminRoute, jsonBody } from '../status/index.ts'
import { type RecallFacts, viewOfRecall, viewOfRecalls, viewOfReplaced } from './recall-view.ts'

export interface RecallRoutesInit extends RecallFacts {
  readonly recalls: Pick<Recalls, 'list' | 'replaced' | 'recall' | 'withdraw'>
}

/** `GET /rotation/recalled`: what is recalled and what could be. `POST /rotation/recall`: the operator's word (R8), or its end. */
export function recallRoutes(init: RecallRoutesInit): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/rotation/recalled',
      mutating: false,
      handler: () => jsonAnswer(200, { recalled: viewOfRecalls(init), replaced: viewOfReplaced(init) }),
    },
    {
      method: 'POST',
      path: '/rotation/recall',
      mutating: true,
      handler: async (request) => {
        const { set_hash: hash, withdraw = false } = jsonBody(request)
        if (typeof hash !== 'string') throw new CodedError('BAD_REQUEST', "the recall's set hash is malformed")
        // Anything else must not be read as its opposite: a withdrawal that recalls would widen trust.
        if (typeof withdraw !== 'boolean')
          throw new CodedError('BAD_REQUEST', "the recall's withdraw must be true or false")
        const recall = await (withdraw ? init.recalls.withdraw(hash) : init.recalls.recall(hash))
        return jsonAnswer(200, { ...viewOfRecall(recall, init), withdrawn: withdraw })
      },
    },
  ]
}
