import type { HttpAnswer, HttpRequest } from '../../base/index.ts'
import {
  blockByHeight,
  blockById,
  info,
  sortition,
  tenureByBurnHash,
  tenureByBurnHeight,
  tenureByConsensus,
  tenureInfo,
} from './block-routes.ts'
import { callRead, contractInterface, contractSource, dataVar } from './contract-routes.ts'
import { plain } from './http-answers.ts'
import { estimateFee, getAccount, postTransaction } from './tx-routes.ts'
import type { ChainView } from './view.ts'

type Route = (view: ChainView, path: readonly string[], request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>

const ADDRESS = '([0-9A-Z]{28,41})'
const CONTRACT = '([a-zA-Z][a-zA-Z0-9_-]{0,127})'
const CLARITY_NAME = '([a-zA-Z][a-zA-Z0-9_!?+<>=/*-]{0,127}|[-+=/*]|[<>]=?)'
const PRINCIPAL = '([0-9A-Z]{28,41}(?:\\.[a-zA-Z][a-zA-Z0-9_-]{0,127})?)'
const HASH_32 = '([0-9a-f]{64})'
const HASH_20 = '([0-9a-f]{40})'
const NUMBER = '([0-9]{1,15})'

/** What a signer and `@stacks/transactions` ask of a Stacks node, and where it is answered. */
const ROUTES: readonly (readonly [method: string, path: RegExp, route: Route])[] = [
  ['GET', /^\/v2\/info$/, info],
  ['POST', path(`/v2/contracts/call-read/${ADDRESS}/${CONTRACT}/${CLARITY_NAME}`), callRead],
  ['GET', path(`/v2/data_var/${ADDRESS}/${CONTRACT}/${CLARITY_NAME}`), dataVar],
  ['GET', path(`/v2/contracts/source/${ADDRESS}/${CONTRACT}`), contractSource],
  ['GET', path(`/v2/contracts/interface/${ADDRESS}/${CONTRACT}`), contractInterface],
  ['GET', path(`/v2/accounts/${PRINCIPAL}`), getAccount],
  ['POST', /^\/v2\/fees\/transaction$/, estimateFee],
  ['POST', /^\/v2\/transactions$/, postTransaction],
  ['GET', path(`/v3/blocks/height/${NUMBER}`), blockByHeight],
  ['GET', path(`/v3/blocks/${HASH_32}`), blockById],
  ['GET', /^\/v3\/tenures\/info$/, tenureInfo],
  ['GET', path(`/v3/tenures/blocks/${HASH_20}`), tenureByConsensus],
  ['GET', path(`/v3/tenures/blocks/hash/${HASH_32}`), tenureByBurnHash],
  ['GET', path(`/v3/tenures/blocks/height/${NUMBER}`), tenureByBurnHeight],
  ['GET', /^\/v3\/sortitions(?:\/([a-z_]{1,15})\/([0-9a-f]{1,64}))?$/, sortition],
]

function path(pattern: string): RegExp {
  return new RegExp(`^${pattern}$`)
}

export async function answerRequest(view: ChainView, request: HttpRequest): Promise<HttpAnswer> {
  const decoded = decodePath(request.path)
  for (const [method, pattern, route] of ROUTES) {
    const match = method === request.method ? pattern.exec(decoded) : null
    if (match !== null) return await route(view, match.slice(1), request)
  }
  return plain(404, 'No such file or directory')
}

/** Clarity names hold characters that a URL escapes. */
function decodePath(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}
