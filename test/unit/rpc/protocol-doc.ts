import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  CLIENT_ERRORS,
  DEFAULT_QUOTAS,
  METHOD_NAMES,
  METHODS,
  QUOTA_CLASSES,
  WIRE_ERRORS,
} from '../../../src/rpc/index.ts'

const ROOT = join(import.meta.dirname, '../../..')
export const PROTOCOL_DOC = readFileSync(join(ROOT, 'docs/PROTOCOL.md'), 'utf8')
export const PROTO_FILE = readFileSync(join(ROOT, 'src/rpc/wire/pb/rpc.proto'), 'utf8')

/** The text between `<!-- name -->` and `<!-- /name -->`. */
export function docSection(name: string): string {
  const match = new RegExp(`<!-- ${name} -->\n([\\s\\S]*?)\n<!-- /${name} -->`).exec(PROTOCOL_DOC)
  if (match?.[1] === undefined) throw new Error(`docs/PROTOCOL.md has no section ${name}`)
  return match[1].trim()
}

const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

const code = (text: string) => `\`${text}\``

/** What docs/PROTOCOL.md must say, derived from the table that server and client run on. */
export const DERIVED: Readonly<Record<string, () => string>> = {
  methods: () =>
    table(
      [
        'method',
        'rights to the key',
        'quota class',
        'cost',
        'repeatable',
        'audited',
        'largest params, bytes',
        'largest answer, bytes',
        'default wait, ms',
        'longest wait, ms',
      ],
      METHOD_NAMES.map((m) => {
        const { right, key, exports, quota, surcharge, idempotent, audited, ...limits } = METHODS[m]
        const { maxRequestBytes, response, defaultTimeoutMs, maxTimeoutMs } = limits
        const rights = right === 'admitted' ? 'none needed' : (key?.says ?? '—')
        return [
          code(m),
          exports ? `${rights}, export` : rights,
          quota,
          [/_batch$/.test(m) ? 'items' : 1, ...(surcharge === undefined ? [] : [surcharge.says])].join(' + '),
          idempotent ? 'yes' : 'no',
          audited ? 'yes' : '—',
          maxRequestBytes,
          response.maxBytes,
          defaultTimeoutMs,
          maxTimeoutMs,
        ]
      }),
    ),
  quotas: () =>
    table(
      ['quota class', 'a second', 'at once'],
      QUOTA_CLASSES.map((c) => {
        const quota = DEFAULT_QUOTAS[c]
        return [c, quota?.perSecond ?? 'no limit', quota?.burst ?? 'no limit']
      }),
    ),
  fields: () =>
    METHOD_NAMES.map((m) => {
      const { summary, request, response } = METHODS[m]
      const rows = [
        ...request.fields.map(([name, says]) => ['request', code(name), says]),
        ...response.fields.map(([name, says]) => ['response', code(name), says]),
      ]
      return `**\`${m}\`** (\`${request.desc.name}\` → \`${response.desc.name}\`): ${summary}\n\n${table(['in', 'field', 'must be'], rows)}`
    }).join('\n\n'),
  errors: () =>
    table(
      ['code', 'meaning'],
      Object.entries(WIRE_ERRORS).map(([c, text]) => [code(c), text]),
    ),
  'client-errors': () =>
    table(
      ['code', 'meaning'],
      Object.entries(CLIENT_ERRORS).map(([c, text]) => [code(c), text]),
    ),
  proto: () => `\`\`\`proto\n${PROTO_FILE.trim()}\n\`\`\``,
}
