import { ancestors, type Block, type View } from './chain.ts'

/**
 * The reference model of reading the registry (R4–R6): which block may be, and which must be, the one that a reading is
 * made at. Where liars are among the endpoints it permits more than one outcome, but never one that liars alone choose.
 *
 * Assumptions, where the rules leave it open:
 * A1 A block counts as d Bitcoin blocks deep where a list of tenures proves it: it is the first of its tenure and d Bitcoin
 *    blocks follow, or its child is the first of one on which d − 1 follow. Others may be younger than their tenure.
 *    All of a quorum prove it by the same tenure; where they stand on branches that part there, a lower block is read.
 * A2 With `confirmations = 0` a block is read only if some endpoint names it as its newest, and a named height counts only
 *    up to what a quorum names: else one liar could stop the reading for ever.
 * A3 An endpoint proves a reorg by another chain in the applied block's place: another block at its height, or a later
 *    tenure that leaves it out. One that merely lags shows neither (R4, flapping). How hard a node looks for a later tenure is
 *    its own affair, so only another block at that height, mined by then, must convince it.
 * A4 With `confirmations`, a reorg within them leaves the applied block in place: a quorum that has it makes a good reading.
 * A5 No reorg is deeper than `maxReorg` Bitcoin blocks: the last good set stands, for those nodes are being synced anew.
 */
export interface Rules {
  readonly quorum: number
  readonly confirmations: number
  /** Bitcoin blocks that a reading may go back (A5). */
  readonly maxReorg: number
  /** Whether a state can gate anything (docs/RULES.md); what can't, changes nothing. */
  readonly isSet: (state: string) => boolean
  readonly isBlank: (state: string) => boolean
}

/** Where the last good reading was made; the Bitcoin height as it was read, which may be later than the block's own. */
export interface Applied {
  readonly block: Block
  readonly burnHeight: number
}

/** The endpoints at one moment: what the honest ones that answer show, and how many lie. */
export interface Endpoints {
  readonly honest: readonly View[]
  readonly liars: number
}

export interface Permitted {
  /** A reading at one of these may be applied; the Bitcoin height it tells must lie between the two. */
  readonly at: readonly { readonly block: Block; readonly minBurn: number; readonly maxBurn: number }[]
  /** The reading may fail; the last good snapshot stands (R5). */
  readonly mayFail: boolean
}

const isOn = (view: View, block: Block): boolean => ancestors(view.tip).includes(block)

/** A1: by which tenure this endpoint proves the block's depth; at the newest block nothing is to be proved. */
function proofs(view: View, block: Block, confirmations: number): string[] {
  if (!isOn(view, block)) return []
  if (confirmations === 0) return ['newest']
  const child = childOn(view, block)
  const asFirst = block.isFirst && view.reached >= block.burnHeight + confirmations
  const asParent = child?.isFirst === true && view.reached >= child.burnHeight - 1 + confirmations
  return [...(asFirst ? [`first of ${block.burnHeight}`] : []), ...(asParent ? [`before ${child.burnHeight}`] : [])]
}
const childOn = (view: View, block: Block): Block | undefined => ancestors(view.tip).find((b) => b.parent === block)

const count = <T>(items: readonly T[], holds: (item: T) => boolean): number => items.filter(holds).length

export function permittedReadings(
  rules: Rules,
  { honest, liars }: Endpoints,
  blocks: readonly Block[],
  applied: Applied | undefined,
  hadSet: boolean,
): Permitted {
  const { quorum, confirmations } = rules
  const withLiars = (sure: number) => sure + liars >= quorum
  const deepOn = (b: Block) => {
    const all = honest.flatMap((v) => proofs(v, b, confirmations))
    return Math.max(0, ...all.map((proof) => count(all, (other) => other === proof)))
  }
  const sure = blocks.filter((b) => deepOn(b) >= quorum && (confirmations > 0 || isNamed(b, honest, quorum)))
  const highestSure = Math.max(0, ...sure.map((b) => b.stacksHeight))
  const isPossible = (b: Block) => {
    const named = confirmations > 0 || liars > 0 || honest.some((v) => v.tip === b)
    return named && withLiars(deepOn(b)) && b.stacksHeight >= highestSure
  }
  const possible = honest.length === 0 ? [] : blocks.filter(isPossible)

  const at: Permitted['at'][number][] = []
  let mayFail = sure.length === 0
  for (const block of possible) {
    const [minBurn, maxBurn] = burnRange(block, honest, liars, confirmations)
    const isSet = rules.isSet(block.state)
    const isBlank = rules.isBlank(block.state)
    // R6: neither garbage nor "uninitialised" after a set shrinks or opens anything.
    const isUsable = isSet || (isBlank && !hadSet)
    if (applied === undefined || block.stacksHeight >= applied.block.stacksHeight) {
      if (isUsable) at.push({ block, minBurn, maxBurn })
      else mayFail = true
      continue
    }
    const have = count(honest, (v) => isOn(v, applied.block))
    const showOther = count(honest, (v) => hasParted(v, applied))
    const plainlyShowOther = count(honest, (v) => hasOtherAtHeight(v, applied))
    const leastBack = applied.burnHeight - maxBurn
    const mostBack = applied.burnHeight - minBurn
    const mayStay = confirmations > 0 && withLiars(have) && leastBack <= confirmations
    const mustStay = confirmations > 0 && have >= quorum && mostBack <= confirmations
    if (mayStay) at.push({ block: applied.block, minBurn: applied.burnHeight, maxBurn: applied.burnHeight })
    // What the lower block holds doesn't matter then; that garbage is refused before anything else is seen to is no harm.
    if (!isSet && !isBlank) mayFail = true
    if (mustStay) continue
    const mayGoBack = isUsable && leastBack <= rules.maxReorg
    if (mayGoBack && withLiars(showOther)) at.push({ block, minBurn, maxBurn })
    if (!(mayGoBack && plainlyShowOther >= quorum && mostBack <= rules.maxReorg)) mayFail = true
  }
  return { at, mayFail }
}

/** A3: what an endpoint may prove. */
const hasParted = (view: View, { block }: Applied): boolean =>
  !isOn(view, block) &&
  (view.tip.stacksHeight >= block.stacksHeight || ancestors(view.tip).some((b) => b.burnHeight > block.burnHeight))
/** A3: what nobody can overlook. */
const hasOtherAtHeight = (view: View, { block, burnHeight }: Applied): boolean =>
  ancestors(view.tip).some((b) => b !== block && b.stacksHeight === block.stacksHeight && b.burnHeight <= burnHeight)

/** A2. */
const isNamed = (block: Block, honest: readonly View[], quorum: number): boolean =>
  honest.some((v) => v.tip === block && count(honest, (o) => o.reached >= v.reached) >= quorum)

/** What Bitcoin height a reading at this block may tell. */
function burnRange(block: Block, honest: readonly View[], liars: number, confirmations: number): [number, number] {
  const heights: number[] = []
  for (const view of honest) {
    if (confirmations === 0) {
      // Where it stands, or what an endpoint has reached that names it as its newest.
      if (view.tip === block) heights.push(block.burnHeight, view.reached)
      // A liar may name it at any height that an honest endpoint vouches for.
      if (liars > 0) heights.push(block.burnHeight, view.reached)
      continue
    }
    if (block.isFirst && isOn(view, block)) heights.push(block.burnHeight)
    const child = childOn(view, block)
    if (child?.isFirst === true) heights.push(child.burnHeight - 1)
  }
  return [Math.min(...heights), Math.max(...heights)]
}
