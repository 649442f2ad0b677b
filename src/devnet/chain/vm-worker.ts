/**
 * Entry of the worker that holds the Clarity VM. A worker of its own, because the VM prints every event to stdout
 * (which belongs to `--json`) and blocks while it runs.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { Cl, type ClarityAbi, ClarityType, type ClarityValue } from '@stacks/transactions'
import { clarityLiteral } from './clarity-literal.ts'
import type { VmAnswers, VmCall, VmEnvelope, VmReply, VmRequest, VmWorkerData } from './vm-protocol.ts'

type Sdk = typeof import('@stacks/clarinet-sdk')
type Simnet = Awaited<ReturnType<Sdk['getSDK']>>

/** The last epoch that Clarity 3 and `at-block` belong to. */
const EPOCH = '3.0'

const port = parentPort
if (port === null) throw new Error('vm-worker runs in a worker thread')
const post = (reply: VmReply): void => port.postMessage(reply)

function deploy(simnet: Simnet, name: string, source: string, sender: string): VmAnswers['deploy'] {
  simnet.deployContract(name, source, { clarityVersion: 3 }, sender)
  const abi = simnet.getContractsInterfaces().get(`${sender}.${name}`)
  if (abi === undefined) throw new Error(`contract ${name} was not deployed`)
  return { abi: JSON.parse(JSON.stringify(abi)) as ClarityAbi, height: simnet.blockHeight }
}

function call(simnet: Simnet, { contract, fn, args, sender }: VmCall): VmAnswers['call'] {
  try {
    const { result, events } = simnet.callPublicFn(contract, fn, args.map(parse), sender)
    return {
      result: Cl.serialize(result),
      committed: result.type === ClarityType.ResponseOk,
      // The VM itself forgets the events of a call that returned an error.
      events: events.filter((e) => e.event === 'print_event').map((e) => eventOf(e.data)),
      height: simnet.blockHeight,
    }
  } catch (error) {
    return { error: String(error), height: simnet.blockHeight }
  }
}

function read(simnet: Simnet, { contract, fn, args, sender }: VmCall, at: number | undefined): VmAnswers['read'] {
  try {
    const values = args.map(parse)
    if (at === undefined || at >= simnet.blockHeight)
      return { result: Cl.serialize(simnet.callReadOnlyFn(contract, fn, values, sender).result) }
    const id = simnet.execute(`(get-stacks-block-info? id-header-hash u${at})`).result
    if (id.type !== ClarityType.OptionalSome || id.value.type !== ClarityType.Buffer)
      throw new Error(`no block at VM height ${at}`)
    const expression = `(contract-call? '${contract} ${[fn, ...values.map(clarityLiteral)].join(' ')})`
    return { result: Cl.serialize(simnet.execute(`(at-block 0x${id.value.value} ${expression})`).result) }
  } catch (error) {
    return { error: String(error), height: simnet.blockHeight }
  }
}

function variables(simnet: Simnet, contract: string): VmAnswers['variables'] {
  const declared = simnet.getContractsInterfaces().get(contract)?.variables ?? []
  return Object.fromEntries(
    declared
      .filter((v) => v.access === 'variable')
      .map((v) => [v.name, Cl.serialize(simnet.getDataVar(contract, v.name))]),
  )
}

function perform(simnet: Simnet, request: VmRequest): VmAnswers[keyof VmAnswers] {
  switch (request.kind) {
    case 'deploy':
      return deploy(simnet, request.name, request.source, request.sender)
    case 'call':
      return call(simnet, request.call)
    case 'read':
      return read(simnet, request.call, request.at)
    case 'variables':
      return variables(simnet, request.contract)
    case 'advance':
      if (request.burn) simnet.mineEmptyBurnBlock()
      else simnet.mineEmptyStacksBlock()
      return { height: simnet.blockHeight, burnHeight: simnet.burnBlockHeight }
  }
}

const parse = (hex: string): ClarityValue => Cl.deserialize(hex)

function eventOf(data: Readonly<Record<string, unknown>>) {
  const field = (name: string): string => String(data[name] ?? '')
  return {
    contract: field('contract_identifier'),
    topic: field('topic'),
    rawValue: field('raw_value').replace(/^0x/, ''),
  }
}

async function open(name: string): Promise<Simnet> {
  const sdk: Sdk = await import(name)
  const simnet = await sdk.getSDK()
  // An empty session needs no project folder and writes no plan file.
  await simnet.initEmptySession({ enabled: false })
  simnet.setEpoch(EPOCH)
  return simnet
}

try {
  const simnet = await open((workerData as VmWorkerData).simnetModule)
  port.on('message', ({ id, request }: VmEnvelope) => {
    try {
      post({ kind: 'answer', id, value: perform(simnet, request) })
    } catch (error) {
      post({ kind: 'error', id, message: String(error) })
    }
  })
  post({ kind: 'ready', heights: { height: simnet.blockHeight, burnHeight: simnet.burnBlockHeight } })
} catch (error) {
  const missing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
  post({ kind: 'failed', missing, message: String(error) })
}
