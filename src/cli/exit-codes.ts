import { codeOf } from '../base/index.ts'

/** After sysexits(3), so that service managers and scripts can tell what a human must do. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 64,
  missingInput: 66,
  internal: 70,
  permission: 77,
  config: 78,
  /** Beyond sysexits, which end at 78. */
  removed: 80,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Table of `countersign --help`. */
export const EXIT_MEANINGS: Readonly<Record<ExitCode, string>> = {
  [EXIT.ok]: 'done',
  [EXIT.failure]: 'the operation failed, or the node refused it',
  [EXIT.usage]: 'wrong command or option',
  [EXIT.missingInput]: 'a file that was named is missing, as a config, key, passphrase, token, list or evidence file',
  [EXIT.internal]: 'a bug of Countersign',
  [EXIT.permission]: 'a file is not yours, or open to others',
  [EXIT.config]: 'the config, a set file or a key file is wrong',
  [EXIT.removed]: "the node's key left the signer set, and [identity] exit_on_removal is true",
}

const BY_ERROR: Readonly<Record<string, ExitCode>> = {
  USAGE: EXIT.usage,
  CONFIRMATION_NEEDED: EXIT.usage,
  BAD_ADDRESS: EXIT.usage,
  DEVNET_OPTIONS: EXIT.usage,
  DEVNET_DIR: EXIT.usage,

  CONFIG_MISSING: EXIT.missingInput,
  KEY_FILE_MISSING: EXIT.missingInput,
  UNLOCK_FILE_MISSING: EXIT.missingInput,
  ADMIN_TOKEN_MISSING: EXIT.missingInput,
  POLICY_TOKEN_MISSING: EXIT.missingInput,
  FILE_MISSING: EXIT.missingInput,

  CONFIG_UNREADABLE: EXIT.permission,
  FILE_TOO_OPEN: EXIT.permission,
  FILE_UNREADABLE: EXIT.permission,
  ADMIN_SOCKET_FORBIDDEN: EXIT.permission,

  CONFIG_INVALID: EXIT.config,
  SET_FILE_INVALID: EXIT.config,
  HANDOFF_FILE_INVALID: EXIT.config,
  ADMIN_TOKEN_FILE: EXIT.config,
  POLICY_TOKEN_FILE: EXIT.config,
  ADMIN_SOCKET_PATH_TOO_LONG: EXIT.config,
  ADMIN_SOCKET_IN_USE: EXIT.config,
  ADMIN_LISTEN_FAILED: EXIT.config,
  LISTEN_FAILED: EXIT.config,
  KEY_FILE_UNSEALED: EXIT.config,
  KEY_FILE_UNREADABLE: EXIT.config,
  KEY_FILE_WRONG_PASSPHRASE: EXIT.config,
  KEY_FILE_WRONG_IDENTITY: EXIT.config,
  KEY_FILE_OTHER_KEY: EXIT.config,
  SEED_FILE_INVALID: EXIT.config,
  SERVICE_KEYS_OTHER_KEY: EXIT.config,
  S2_SEED_EXISTS: EXIT.config,
  S2_SEED_OTHER_KEY: EXIT.config,
  S2_REFERENCE_FORBIDDEN: EXIT.config,
  S2_IMPORTED_NONCES_INVALID: EXIT.config,
  UNLOCK_FILE_UNREADABLE: EXIT.config,
  UNLOCK_FILE_EMPTY: EXIT.config,
  RELOAD_REFUSED: EXIT.config,
  OTHER_NODE: EXIT.config,

  OWN_KEY_REMOVED: EXIT.removed,
}

/** Exit code of a thrown value: coded errors by the table, else `failure`; anything without a code is a bug. */
export function exitCodeOf(error: unknown): ExitCode {
  const code = codeOf(error)
  if (code === undefined) return EXIT.internal
  return BY_ERROR[code] ?? EXIT.failure
}
