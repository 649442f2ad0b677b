import { access } from 'node:fs/promises'
import { CodedError } from '../base/index.ts'

/** Before anything is made. `remedy` says what to do about it. Throws `FILE_EXISTS`. */
export async function refuseExisting(file: string, remedy: string): Promise<void> {
  const there = await access(file).then(
    () => true,
    () => false,
  )
  if (there) throw new CodedError('FILE_EXISTS', `${file} exists already and is never overwritten: ${remedy}`, { file })
}
