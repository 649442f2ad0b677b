import type { MethodRow } from '../rpc/index.ts'
import { columns, facts } from './view.ts'

type Rows = Readonly<Record<string, MethodRow>>

/** The method table for programs. */
export const methodList = (rows: Rows) =>
  Object.entries(rows).map(([method, row]) => ({
    method,
    summary: row.summary,
    right: row.right,
    key: keyOf(row) ?? null,
    exports: row.exports,
    quota: row.quota,
    idempotent: row.idempotent,
    audited: row.audited,
    max_request_bytes: row.maxRequestBytes,
    default_timeout_ms: row.defaultTimeoutMs,
    max_timeout_ms: row.maxTimeoutMs,
    params: fieldsOf(row.request),
    result: fieldsOf(row.response),
  }))

/** For people: a line for each. */
export const methodsText = (rows: Rows): string =>
  [
    columns(
      Object.entries(rows).map(([method, row]) => [method, row.right, row.idempotent ? 'repeatable' : 'once']),
      '',
    ),
    '',
    'countersign call --list METHOD shows params and result; docs/PROTOCOL.md says all.',
  ].join('\n')

/** One method, with its fields. */
export const methodText = (method: string, row: MethodRow): string =>
  [
    facts([
      ['method', method],
      ['', row.summary],
      ['who may call', row.right === 'admitted' ? 'every admitted client' : 'clients granted it'],
      ['key', keyOf(row)],
      ['export', row.exports ? 'answers a secret: needs allow_secret_export' : undefined],
      ['quota class', row.quota],
      ['repeatable', row.idempotent ? 'yes' : 'no'],
      ['waits', `${row.defaultTimeoutMs} ms, at most ${row.maxTimeoutMs}`],
    ]),
    '',
    ...section('params', row.request.fields),
    ...section('result', row.response.fields),
  ].join('\n')

function section(title: string, fields: MethodRow['request']['fields']): readonly string[] {
  if (fields.length === 0) return [`${title}: none`]
  return [title, columns(fields.map(([name, says]) => [name, says]))]
}

const keyOf = ({ key }: MethodRow): string | undefined => key?.says.replaceAll('`', '')
const fieldsOf = ({ fields }: MethodRow['request']) => fields.map(([name, must_be]) => ({ name, must_be }))
