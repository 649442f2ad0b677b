import type { Logger } from '../../base/index.ts'
import type { Block } from './block.ts'
import { execute } from './execute.ts'
import type { VariableHistory } from './history.ts'
import type { ContractSource } from './types.ts'
import type { Deployed } from './view.ts'
import { Vm } from './vm.ts'
import type { VmHeights } from './vm-protocol.ts'

export interface VmInit {
  readonly deployer: string
  readonly contracts: readonly ContractSource[]
  readonly simnetModule: string
  readonly logger: Logger
}

/** A VM with all contracts deployed, and what it says of them. */
export interface OpenedVm {
  readonly vm: Vm
  readonly heights: VmHeights
  /** By contract id. */
  readonly deployed: ReadonlyMap<string, Deployed>
}

export async function openVm(init: VmInit): Promise<OpenedVm> {
  const { vm, heights } = await Vm.start(init.simnetModule, (text) =>
    init.logger.debug('Clarity VM output', { text: text.slice(0, 2_000) }),
  )
  try {
    const deployed = new Map<string, Deployed>()
    let { height } = heights
    for (const { name, source, deployer = init.deployer } of init.contracts) {
      const answer = await vm.request<'deploy'>({ kind: 'deploy', name, source, sender: deployer })
      deployed.set(`${deployer}.${name}`, { source, abi: answer.abi })
      height = answer.height
    }
    return { vm, heights: { height, burnHeight: heights.burnHeight }, deployed }
  } catch (error) {
    await vm.close()
    throw error
  }
}

/** Executes the blocks again, from the second on, and fills the history. */
export async function replay(opened: OpenedVm, history: VariableHistory, blocks: readonly Block[]): Promise<void> {
  const [first, ...rest] = blocks
  await recordVariables(history, opened, 1)
  let parent = first
  for (const block of rest) {
    await opened.vm.request<'advance'>({ kind: 'advance', burn: block.burn !== parent?.burn })
    for (const { tx } of block.mined) await execute(opened.vm, tx)
    if (block.mined.length > 0) await recordVariables(history, opened, block.height)
    parent = block
  }
}

export async function recordVariables(
  history: VariableHistory,
  { vm, deployed }: OpenedVm,
  height: number,
): Promise<void> {
  for (const contract of deployed.keys())
    history.record(height, contract, await vm.request<'variables'>({ kind: 'variables', contract }))
}
