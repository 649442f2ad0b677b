import { expect, it } from 'vitest'
import type { Foundation } from '../../../src/node/foundation.ts'
import { Identity } from '../../../src/node/identity.ts'
import type { IdentityParts } from '../../../src/node/identity-parts.ts'
import { holding, SELF, SET } from './facts.ts'

it('should reach the gate first on a registry change, and the rounds of the old set in the same instant', async () => {
  const told: string[] = []
  const parts = {
    network: {
      membership: {
        applySnapshot: (_: unknown, wasEverMember: boolean) =>
          void told.push(`gate, a member before: ${wasEverMember}`),
      },
    },
    signing: {
      recalls: { wasMember: () => true, note: () => void told.push('record') },
      sign: { refresh: () => void told.push('rounds') },
      recalled: { refresh: () => void told.push('recalled rounds') },
    },
    liveness: { refresh: () => void told.push('heartbeat') },
  }
  const base: Pick<Foundation, 'keys'> = {
    keys: { own: { keyPair: SELF } as Foundation['key'], next: undefined },
  }
  const identity = await Identity.open({
    base: base as Foundation,
    createParts: async () => parts as unknown as IdentityParts,
    onFatal: () => {},
  })
  identity.follow(holding(SET))
  expect(told).toEqual(['gate, a member before: true', 'record', 'rounds', 'recalled rounds', 'heartbeat'])
})
