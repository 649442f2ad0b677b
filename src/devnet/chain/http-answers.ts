import type { HttpAnswer } from '../../base/index.ts'

/** Without the newline that `jsonAnswer` ends with: a Stacks node sends none. */
export const json = (value: unknown, status = 200): HttpAnswer => ({
  status,
  body: JSON.stringify(value),
  contentType: 'application/json',
})
/** A Stacks node explains itself in plain text. */
export const plain = (status: number, body: string): HttpAnswer => ({ status, body, contentType: 'text/plain' })
export const bytesAnswer = (body: Uint8Array): HttpAnswer => ({
  status: 200,
  body,
  contentType: 'application/octet-stream',
})
export const noTip = (): HttpAnswer => plain(404, 'Chain tip not found')
