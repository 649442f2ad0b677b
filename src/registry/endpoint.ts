import { CodedError } from '../base/index.ts'

/** A Stacks node's base URL, checked once. */
export interface Endpoint {
  readonly base: URL
  /** Scheme, host and port only: what logs and errors may show (a path can hold an API key). */
  readonly label: string
}

/** Throws CodedError `BAD_ENDPOINT`. */
export function parseEndpoint(text: string): Endpoint {
  const base = URL.canParse(text) ? new URL(text) : undefined
  if (base === undefined || (base.protocol !== 'http:' && base.protocol !== 'https:'))
    throw new CodedError('BAD_ENDPOINT', 'a registry endpoint is not an http(s) URL; correct [registry] endpoints')
  if (base.username !== '' || base.password !== '' || base.search !== '' || base.hash !== '')
    throw new CodedError(
      'BAD_ENDPOINT',
      `registry endpoint ${base.origin} must have no user, password, query or fragment; correct [registry] endpoints`,
    )
  if (!base.pathname.endsWith('/')) base.pathname += '/'
  return { base, label: base.origin }
}
