import { Cl } from '@stacks/transactions'
import { fromUtf8, type HttpAnswer, type HttpRequest } from '../../base/index.ts'
import { json, noTip, plain } from './http-answers.ts'
import type { ChainView } from './view.ts'

interface ReadBody {
  readonly sender: string
  readonly args: readonly string[]
}

/** `POST /v2/contracts/call-read/…`. A call that fails is HTTP 200 all the same (incident 39). */
export async function callRead(
  view: ChainView,
  [address, name, fn]: readonly string[],
  request: HttpRequest,
): Promise<HttpAnswer> {
  if (!isJson(request)) return plain(400, 'Invalid content-type: expected application/json')
  const body = parseReadBody(request.body)
  if (typeof body === 'string') return plain(400, body)
  const block = view.resolve(request.query.get('tip'))
  if (block === undefined) return noTip()
  const contract = `${address}.${name}`
  const fault = callFault(view, contract, fn ?? '', body.args.length)
  if (fault !== undefined) return json({ okay: false, cause: fault })
  const call = { contract, fn: fn ?? '', args: body.args, sender: body.sender }
  const outcome = await view.core.read(block, call)
  if (outcome.ok) return json({ okay: true, result: `0x${outcome.value}` })
  return json({ okay: false, cause: outcome.reason })
}

/** In the words of a Stacks node; undefined if the call can be tried. */
function callFault(view: ChainView, contract: string, fn: string, argCount: number): string | undefined {
  const abi = view.core.contract(contract)?.abi
  if (abi === undefined) return `Unchecked(NoSuchContract("${contract}"))`
  const found = abi.functions.find((f) => f.name === fn)
  if (found === undefined) return `Unchecked(UndefinedFunction("${fn}"))`
  if (found.args.length !== argCount) return `Unchecked(IncorrectArgumentCount(${found.args.length}, ${argCount}))`
  return found.access === 'read_only' ? undefined : 'NotReadOnly'
}

function parseReadBody(bytes: Uint8Array): ReadBody | string {
  let body: unknown
  try {
    body = JSON.parse(fromUtf8(bytes))
  } catch (error) {
    return `Failed to parse JSON body: ${error instanceof Error ? error.message : 'unreadable'}`
  }
  if (typeof body !== 'object' || body === null || !('sender' in body) || !('arguments' in body))
    return 'Failed to parse JSON body'
  if (typeof body.sender !== 'string' || !isPrincipal(body.sender)) return 'Failed to parse sender principal'
  if (!Array.isArray(body.arguments)) return 'Failed to parse JSON body'
  const args = body.arguments.map(normalHex)
  if (!args.every((arg) => arg !== undefined)) return 'Failed to deserialize argument value'
  return { sender: body.sender, args }
}

/** One spelling of one Clarity value; undefined if it is none. */
function normalHex(argument: unknown): string | undefined {
  if (typeof argument !== 'string') return undefined
  try {
    return Cl.serialize(Cl.deserialize(argument))
  } catch {
    return undefined
  }
}

function isPrincipal(text: string): boolean {
  try {
    return Cl.principal(text) !== undefined
  } catch {
    return false
  }
}

/** `GET /v2/data_var/…`: no proof, whatever `proof=` says. */
export function dataVar(
  view: ChainView,
  [address, name, variable]: readonly string[],
  request: HttpRequest,
): HttpAnswer {
  const block = view.resolve(request.query.get('tip'))
  if (block === undefined) return noTip()
  const value = view.core.variable(block, `${address}.${name}`, variable ?? '')
  return value === undefined ? plain(404, 'Data var not found') : json({ data: `0x${value}` })
}

/** `GET /v2/contracts/source/…` */
export function contractSource(view: ChainView, [address, name]: readonly string[], request: HttpRequest): HttpAnswer {
  if (view.resolve(request.query.get('tip')) === undefined) return noTip()
  const deployed = view.core.contract(`${address}.${name}`)
  if (deployed === undefined) return plain(404, 'No contract source data found')
  return json({ source: deployed.source, publish_height: 1 })
}

/** `GET /v2/contracts/interface/…` */
export function contractInterface(
  view: ChainView,
  [address, name]: readonly string[],
  request: HttpRequest,
): HttpAnswer {
  if (view.resolve(request.query.get('tip')) === undefined) return noTip()
  const deployed = view.core.contract(`${address}.${name}`)
  return deployed === undefined ? plain(404, 'No contract interface data found') : json(deployed.abi)
}

export const isJson = (request: HttpRequest): boolean =>
  request.headers['content-type']?.split(';')[0]?.trim() === 'application/json'
