import type { RequestBindings } from '../bindings.ts'
import type { Judge } from './types.ts'

/** Yes to everything, but to one list of items per request id: even here nobody gets two answers under one id. */
export const autoJudge = (bindings: RequestBindings): Judge => ({
  approve: async () => ({ answer: 'yes', reason: 'anything' }),
  async consent({ requestId, groupKey, items }) {
    const bound = await bindings.bind({ requestId, groupKey, items })
    return bound === 'equivocation'
      ? { answer: 'refused', reason: 'other_items' }
      : { answer: 'yes', reason: 'anything' }
  },
})
