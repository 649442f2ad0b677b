import { CodedError } from '../base/index.ts'
import { MAINNET_CHAIN_ID } from './principal.ts'
import type { ChainTip } from './types.ts'

/** R4. Throws CodedError `BAD_QUORUM`. Endpoints are compared as URLs: one node listed twice would vouch for itself. */
export function requireSoundQuorum(endpoints: readonly string[], quorum: number, chainId: number): void {
  const distinct = new Set(endpoints.map((e) => (URL.canParse(e) ? new URL(e).href.replace(/\/$/, '') : e)))
  const bad = (why: string) =>
    new CodedError('BAD_QUORUM', `${why}; correct [registry] endpoints and quorum`, {
      endpoints: endpoints.length,
      quorum,
    })
  if (endpoints.length === 0) throw bad('no registry endpoint is configured')
  if (distinct.size !== endpoints.length) throw bad('a registry endpoint is listed twice')
  if (!Number.isInteger(quorum) || quorum < 1 || quorum > endpoints.length)
    throw bad(`a quorum of ${quorum} is not between 1 and the ${endpoints.length} endpoints`)
  if (2 * quorum <= endpoints.length) throw bad('two disjoint groups of endpoints could both be a quorum')
  if (chainId === MAINNET_CHAIN_ID && quorum < 2) throw bad('on mainnet one Stacks node alone is never believed')
}

/** The height that `quorum` endpoints claim to have reached; -1 if fewer claim any. */
export const reachedBy = (heights: readonly number[], quorum: number): number =>
  heights.toSorted((a, b) => b - a)[quorum - 1] ?? -1

/** Bitcoin blocks asked for where the config says nothing: a reorg of one block happens on mainnet, and never on a devnet. */
export const defaultConfirmations = (chainId: number): number => (chainId === MAINNET_CHAIN_ID ? 1 : 0)

/**
 * Blocks worth asking for, best first, from the tips that endpoints claim; empty if fewer than `quorum` claim any.
 * A block id proves nothing about its height, so a claim counts only up to what `quorum` endpoints claim to have reached:
 * else one liar could give a true block a height that no later block reaches, and reading would stop for ever.
 * Nor is a claim within that proof of anything: see `agreeAtNewest`.
 */
export function candidateTips(claims: readonly ChainTip[], quorum: number): ChainTip[] {
  if (claims.length < quorum) return []
  const maxStacks = reachedBy(
    claims.map((t) => t.stacksHeight),
    quorum,
  )
  const maxBurn = reachedBy(
    claims.map((t) => t.burnHeight),
    quorum,
  )
  const believable = claims.filter((t) => t.stacksHeight <= maxStacks && t.burnHeight <= maxBurn)
  const best = believable.toSorted((a, b) => b.stacksHeight - a.stacksHeight || b.burnHeight - a.burnHeight)
  return best.filter((t, i) => best.findIndex((o) => sameBlock(o, t)) === i)
}

/** One block at one height; Bitcoin goes on while it is the newest, so its claimed Bitcoin heights may differ. */
export const sameBlock = (a: ChainTip, b: ChainTip): boolean =>
  a.indexBlockHash === b.indexBlockHash && a.stacksHeight === b.stacksHeight

/** The answer that at least `quorum` gave, byte for byte. */
export function agreedAnswer<A extends string>(answers: readonly A[], quorum: number): A | undefined {
  return answers.find((a) => answers.filter((b) => b === a).length >= quorum)
}
