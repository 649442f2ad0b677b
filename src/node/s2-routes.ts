import { lstat } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { CodedError, jsonAnswer } from '../base/index.ts'
import type { StoredS2Service } from '../signer/index.ts'
import { type AdminRoute, jsonBody } from '../status/index.ts'
import type { S2View } from './operator-view.ts'

export interface S2RoutesInit {
  readonly s2: Pick<StoredS2Service, 'memory' | 'nonceMode'> | undefined
  readonly view: () => S2View | null
}

/**
 * `GET /s2`, and what an operator decides about the memory of one-time secrets (R32): `POST /s2/accept`, `/s2/journal/import`,
 * `/s2/journal/export`, `/s2/retire`. Paths are of files on the node's machine.
 */
export function s2Routes({ s2, view }: S2RoutesInit): readonly AdminRoute[] {
  const memory = () => served(s2).memory
  const route = (path: string, handler: (body: Readonly<Record<string, unknown>>) => Promise<object>): AdminRoute => ({
    method: 'POST',
    path,
    mutating: true,
    handler: async (request) => jsonAnswer(200, await handler(jsonBody(request))),
  })
  return [
    { method: 'GET', path: '/s2', mutating: false, handler: () => jsonAnswer(200, { s2: view() }) },
    route('/s2/accept', async ({ instance }) => {
      if (typeof instance !== 'string' || !/^[0-9a-f]{16}$/.test(instance))
        throw new CodedError(
          'BAD_REQUEST',
          'what is accepted is named by 16 hex digits: countersign s2 status shows it',
        )
      await memory().accept(instance)
      return { s2: view() }
    }),
    route('/s2/journal/import', async (body) => {
      const [at, path] = [memory(), pathIn(body)]
      await requireThere(path)
      const report = await at.importJournal(path)
      return { report, s2: view() }
    }),
    route('/s2/journal/export', async (body) => {
      const [at, path] = [memory(), pathIn(body)]
      await requireFree(path)
      return { lines: await at.exportJournal(path) }
    }),
    route('/s2/retire', async () => ({ ...(await memory().retireGeneration(served(s2).nonceMode)), s2: view() })),
  ]
}

function served<T>(s2: T | undefined): T {
  if (s2 !== undefined) return s2
  throw new CodedError('NO_SEED', 'this node has no secret-service seed: `countersign s2 init` makes one')
}

function pathIn({ path }: Readonly<Record<string, unknown>>): string {
  if (typeof path === 'string' && isAbsolute(path) && !path.includes('\0')) return path
  throw new CodedError('BAD_REQUEST', 'the path of a journal is absolute')
}

/** Throws `FILE_MISSING`. What else is wrong with a file, who opens it says. */
async function requireThere(path: string): Promise<void> {
  if ((await lookAt(path)) !== 'ENOENT') return
  const message = `there is no file ${path} on the node's machine: name a journal, as [s2] journal_file or an export made it`
  throw new CodedError('FILE_MISSING', message, { path })
}

/** Before it is opened: opening one for writing cuts off what a crash left at its end. Throws `FILE_EXISTS`. */
async function requireFree(path: string): Promise<void> {
  if ((await lookAt(path)) !== 'there') return
  const message = `${path} exists already on the node's machine and is never overwritten: name a file that is not there yet`
  throw new CodedError('FILE_EXISTS', message, { path })
}

const lookAt = (path: string): Promise<string | undefined> =>
  lstat(path).then(
    () => 'there',
    (error: NodeJS.ErrnoException) => error.code,
  )
