import { NONCE_MODES } from '../../signer/index.ts'
import * as read from './readers.ts'
import { defaulted, optional } from './row.ts'

/** The secret service's seed, and what tells its memory from a copy (docs/S2.md). */
export const S2_ROWS = {
  seed_file: optional(
    read.path,
    'The sealed secret-service seed, as `countersign s2 init` made it; without it the node serves none of it.',
    '"s2.seed"',
  ),
  public_key: optional(
    read.text('an x-only public key (64 lower-case hex digits)', /^[0-9a-f]{64}$/),
    'The MuSig2 key that seed_file must lead to; another one is an error and never a new identity.',
    '"ac40…"',
  ),
  passphrase_file: optional(
    read.path,
    'File (mode 0600) with the passphrase of seed_file, if it is not opened as key_file is.',
    '"s2.pass"',
  ),
  identity_file: optional(
    read.path,
    'File (mode 0600) with the age identity that opens seed_file, if it is not opened as key_file is.',
    '"s2.age"',
  ),
  nonce_mode: defaulted(
    read.oneOf(NONCE_MODES),
    'native',
    'native: nonces take in stored randomness. reference: as the reference makes them, for moving from it.',
    '"native"',
  ),
  reference_retired: defaulted(
    read.flag,
    false,
    'true: no other service makes nonces from this seed any more; nonce_mode "reference" needs it on mainnet.',
    'false',
  ),
  instance_file: optional(
    read.path,
    "What tells this node's store from a copy; outside data_dir. Default: s2.instance beside this file.",
    '"s2.instance"',
  ),
  journal_file: optional(
    read.path,
    'Where the journal of one-time bindings goes; outside data_dir, best on another disk.',
    '"/mnt/other/s2.journal"',
  ),
  imported_nonces_file: optional(
    read.path,
    'What the service before this one had issued nonces for; nonce_mode "reference" only.',
    '"nonces.jsonl"',
  ),
} as const
