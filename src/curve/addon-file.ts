import { toHex } from '../base/index.ts'
import { sha256 } from './hashes.ts'

/** What the package of the pinned version ships in `prebuilds/`, with its SHA-256. A test compares it with what is installed. */
export const SHIPPED = {
  version: '5.0.2',
  sha256: {
    'darwin-arm64/secp256k1.node': '9193f1e80547127dfa32e80324513d26454557dc2b3dfa8e962d6b6898e0f30d',
    'linux-x64/secp256k1.glibc.node': 'd93a107b99002110e1bfcc2c427d5cd3e3b89dce278631285557d76fd42497ad',
    'linux-x64/secp256k1.musl.node': 'd788fdbfb539b60d7e48901013d6e93df0c8a0ddc6e34b30a5221ce018ae1676',
    'win32-x64/secp256k1.node': '16313b522f8051b6e82ff06a90b66e1f371716196c4bdfa83366e6ffa0b1b0f6',
  },
} as const

/** Where an operator's own build of the package lies, for a platform or a library that none is shipped for. */
const OWN_BUILD = /(^|[\\/])build[\\/](Release|Debug)[\\/][^\\/]+$/

/**
 * A damaged addon ends the process as it is loaded, or later, without a word: the system maps it, and no JavaScript can catch
 * that. So a shipped one is compared with its hash before. Says whether it is an own build, for which there is no hash.
 * Throws Error on what is neither.
 */
export function checkAddonFile(path: string, bytes: Uint8Array): 'shipped' | 'own' {
  if (OWN_BUILD.test(path)) return 'own'
  const name = path.split(/[\\/]/).slice(-2).join('/')
  const wanted = Object.entries(SHIPPED.sha256).find(([shipped]) => shipped === name)?.[1]
  if (wanted === undefined || toHex(sha256(bytes)) !== wanted)
    throw new Error(
      `${name} is damaged, or not of secp256k1 ${SHIPPED.version}: its SHA-256 differs; reinstall with "npm ci"`,
    )
  return 'shipped'
}
