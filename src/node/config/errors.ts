import { CodedError } from '../../base/index.ts'

/** Where in which file a value stands. */
export interface Place {
  /** Absolute path of the config file. */
  readonly file: string
  /** Section, `''` for keys before the first one. */
  readonly section: string
  /** `undefined` when the section as a whole is meant. */
  readonly key?: string | undefined
  /** Lists of tables: which one, from 0. */
  readonly index?: number | undefined
}

/** `registry.poll_interval`, `bridge[1].methods`: for programs. */
export function keyPath({ section, key, index }: Place): string {
  const head = index === undefined ? section : `${section}[${index}]`
  return [head, key].filter((part) => part !== undefined && part !== '').join('.')
}

/** `[registry] poll_interval`, `[[bridge]] methods (entry 2)`: as the operator wrote it. */
function spelled({ section, key, index }: Place): string {
  const head = section === '' ? '' : index === undefined ? `[${section}]` : `[[${section}]]`
  const entry = index === undefined ? '' : ` (entry ${index + 1})`
  return [head, key].filter((part) => part !== undefined && part !== '').join(' ') + entry
}

/** Code CONFIG_INVALID; the message reads `<file>: <key> <sentence>`. Values are not repeated: a secret may stand in the wrong place. */
export function configError(at: Place, sentence: string): CodedError<'CONFIG_INVALID'> {
  return new CodedError('CONFIG_INVALID', `${at.file}: ${spelled(at)} ${sentence}`, {
    file: at.file,
    key: keyPath(at),
  })
}
