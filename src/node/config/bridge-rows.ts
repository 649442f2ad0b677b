import { keyName } from './key-names.ts'
import * as read from './readers.ts'
import { optional, required } from './row.ts'

/** The table of methods is shorter. */
const MAX_METHODS = 64
/** As many as a key service holds. */
const MAX_KEY_NAMES = 256
/** More than one machine answers in a day. */
const MAX_PER_DAY = 1_000_000_000

/** Known methods are the rpc room's, which the config room doesn't import: the caller hands them in. */
const method = read.text(
  'the name of a method, like "threshold.sign", or all of a service, like "schnorr.*"',
  /^(?:[a-z0-9_.]{1,64}|[a-z0-9_]{1,32}\.\*)$/,
)
/** As are classes of methods. */
const quotaClass = read.text('a class of methods (docs/PROTOCOL.md)', /^[a-z0-9_]{1,32}$/)

/** What one bridge node is, and what it may ask for: `[[bridge]]`. */
export const BRIDGE_ROWS = {
  peer_id: required(read.peerId, 'PeerID of a bridge node of this operator.', '"16Uiu2HA…"'),
  methods: required(
    read.list(method, 1, MAX_METHODS, read.same),
    'Methods that it may call; nothing else is granted.',
    '["threshold.public_key", "threshold.sign"]',
  ),
  keys: optional(
    read.list(keyName, 1, MAX_KEY_NAMES, read.same),
    'Keys that these methods may use. Default: threshold and s2/*, so that keys of the key service are named.',
    '["threshold", "s2/*", "keys/consensus-1"]',
  ),
  quota: optional(
    read.numbers(quotaClass, read.integer(1, MAX_PER_DAY, 'requests a second, or a day')),
    'Requests, or items of batches, a second, by class of methods; of classes that leave records, a day (s2_per_day). Default: as docs/PROTOCOL.md says.',
    '{ sign = 500 }',
  ),
  allow_secret_export: optional(
    read.flag,
    'true: methods that give a secret out may be called, too, if they are listed.',
    'false',
  ),
  allow_raw_sign: optional(
    read.flag,
    'true: keys of the key service sign 32 bytes as they are, without a domain.',
    'false',
  ),
} as const
