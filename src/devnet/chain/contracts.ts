import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { CodedError } from '../../base/index.ts'
import type { ContractSource } from './types.ts'

export const REGISTRY = 'sbtc-registry'
/** The registry knows its governance by this name. */
export const BOOTSTRAP = 'sbtc-bootstrap-signers'

/** `contracts/` of the package: three folders above `src/devnet/chain/` and `dist/devnet/chain/` alike. */
const PACKAGE_CONTRACTS = fileURLToPath(new URL('../../../contracts', import.meta.url))

/** The registry and its governance, in order of deployment. Throws `CONTRACTS_MISSING`. */
export async function registryContracts(dir: string = PACKAGE_CONTRACTS): Promise<readonly ContractSource[]> {
  return await Promise.all([REGISTRY, BOOTSTRAP].map(async (name) => ({ name, source: await read(dir, name) })))
}

async function read(dir: string, name: string): Promise<string> {
  try {
    return await readFile(`${dir}/${name}.clar`, 'utf8')
  } catch (error) {
    throw new CodedError(
      'CONTRACTS_MISSING',
      `contract ${name}.clar can't be read; reinstall the package, or name the right folder`,
      { name },
      { cause: error },
    )
  }
}
