import type { Ask, CallOptions } from '../ask.ts'

export interface GetPreimage extends CallOptions {
  /** 32 bytes, in internal byte order. */
  readonly prestakeTxid: Uint8Array
  readonly prestakeVout: number
  readonly stakeIndex: number
}

export interface PreimagesFace {
  /** 32 bytes. */
  getPreimage(request: GetPreimage): Promise<{ readonly preimage: Uint8Array }>
}

export const preimagesFace = (ask: Ask): PreimagesFace => ({
  getPreimage: async (r) => {
    const { prestakeTxid, prestakeVout, stakeIndex } = r
    const { preimage } = await ask('preimages.get_preimage', { prestakeTxid, prestakeVout, stakeIndex }, r)
    return { preimage }
  },
})
