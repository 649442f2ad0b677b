import { LIMITS, LOG_LEVELS } from '../../base/index.ts'
import { DEFAULT_MAX_AGE_MS, MAX_FEE_USTX } from '../../registry/index.ts'
import { POLICIES } from '../../signer/index.ts'
import { BRIDGE_ROWS } from './bridge-rows.ts'
import { NAT_ROWS, P2P_ROWS } from './p2p-rows.ts'
import * as read from './readers.ts'
import { defaulted, optional, required, type Values } from './row.ts'
import { S2_ROWS } from './s2-rows.ts'
import { ON_STALE } from './types.ts'

/** Sixteen hours; nobody waits longer for a rotation. */
const MAX_CONFIRMATIONS = 100
/** Six Bitcoin blocks on average: no reorg goes further back (MAX_REORG_BURN_BLOCKS of the registry room). */
const DEFAULT_EXIT_AFTER_MS = 3_600_000
/** More is no quorum's need. */
const MAX_ENDPOINTS = 16
/** More bridge nodes than one operator runs. */
const MAX_CONSENTING = 64

/** Keys before the first section. */
export const ROOT = {
  data_dir: defaulted(read.path, 'data', "Folder of the node's durable state; made with mode 0700.", '"data"'),
} as const

/** Every section and key: the validator, `renderConfig` and the tests of config/signer.toml all read this table. */
export const SECTIONS = {
  identity: {
    key_file: required(read.path, 'The sealed signer key, as `countersign init` made it.', '"signer.key"'),
    public_key: required(
      read.publicKey,
      'The key that key_file must hold; another one is an error and never a new identity.',
      '"02…"',
    ),
    passphrase_file: optional(
      read.path,
      'File (mode 0600) with the passphrase of key_file. Either this or identity_file.',
      '"signer.pass"',
    ),
    identity_file: optional(
      read.path,
      'File (mode 0600) with the age identity that opens key_file. Either this or passphrase_file.',
      '"signer.age"',
    ),
    next_key_file: optional(
      read.path,
      'The sealed key that is to take the place of key_file; once the chain holds it, the node moves to it by itself.',
      '"next.key"',
    ),
    next_public_key: optional(read.publicKey, 'The key that next_key_file must hold; needed beside it.', '"03…"'),
    next_passphrase_file: optional(
      read.path,
      'File (mode 0600) with the passphrase of next_key_file, if it is not opened as key_file is.',
      '"next.pass"',
    ),
    next_identity_file: optional(
      read.path,
      'File (mode 0600) with the age identity that opens next_key_file, if it is not opened as key_file is.',
      '"next.age"',
    ),
    exit_on_removal: defaulted(
      read.flag,
      false,
      'true: the process ends by itself, with exit code 80, when its key has left the signer set.',
      'false',
    ),
    exit_on_removal_after: defaulted(
      read.duration('1s', '168h'),
      DEFAULT_EXIT_AFTER_MS,
      'How long the registry must have shown the key as gone by then: a reorg may bring it back.',
      '"1h"',
    ),
  },
  registry: {
    network: required(
      read.text('a label of lower-case letters, digits and dashes', /^[a-z][a-z0-9-]{0,31}$/),
      'Name of the network; part of set hashes and topics, so the same for every signer.',
      '"mainnet"',
    ),
    chain_id: required(
      read.integer(1, 0xffff_ffff, 'the chain'),
      "The chain's own id: 1 is mainnet, 2147483648 testnet.",
      '1',
    ),
    contract: required(read.contractId, 'The registry contract.', '"<address>.sbtc-registry"'),
    endpoints: required(
      read.list(read.endpoint, 1, MAX_ENDPOINTS, read.same),
      'Stacks nodes to read the registry from.',
      '["https://stacks.example.org"]',
    ),
    quorum: optional(
      read.integer(1, MAX_ENDPOINTS, 'endpoints'),
      'How many endpoints must agree: more than half of them, at least 2 on mainnet. Default: just over half.',
      '2',
    ),
    poll_interval: defaulted(
      read.duration('1s', '1h'),
      10_000,
      'How often the registry is read when no event asks for it.',
      '"10s"',
    ),
    max_age: defaulted(
      read.duration('1m', '168h'),
      DEFAULT_MAX_AGE_MS,
      'When the last good reading is older, the registry is stale: at least twice poll_interval.',
      '"1h"',
    ),
    on_stale: defaulted(
      read.oneOf(ON_STALE),
      'freeze',
      'freeze: members of a stale registry stay, nobody new is admitted and nothing is rotated. close: nobody is admitted.',
      '"freeze"',
    ),
    bootstrap_signers: optional(
      read.list(read.publicKey, 2, LIMITS.maxMultisigKeys, read.same),
      'The first signer set, used only while the registry itself answers "uninitialised".',
      '["02…", "03…", "03…"]',
    ),
    bootstrap_threshold: optional(
      read.integer(2, LIMITS.maxMultisigKeys, 'signers'),
      'Signatures that the first set needs: more than half of bootstrap_signers.',
      '2',
    ),
    observer_listen: optional(
      read.hostPort,
      'Where the Stacks node posts its events, unauthenticated hints: loopback or a private network.',
      '"127.0.0.1:3700"',
    ),
    confirmations: optional(
      read.integer(0, MAX_CONFIRMATIONS, 'Bitcoin blocks'),
      'Bitcoin blocks that must stand on what is read. Default: 1 on mainnet, 0 elsewhere.',
      '1',
    ),
  },
  p2p: P2P_ROWS,
  'p2p.nat': NAT_ROWS,
  signing: {
    policy: defaulted(
      read.oneOf(POLICIES),
      'bridge',
      "bridge: sign what this operator's own bridge node asked for. http: what its validator approves. auto: anything; devnets only.",
      '"bridge"',
    ),
    request_ttl: defaulted(
      read.duration('1m', '168h'),
      3_600_000,
      'How long a consent stands after it was asked for; what the request id stands for is kept for ever.',
      '"1h"',
    ),
    consent_from: optional(
      read.list(read.peerId, 1, MAX_CONSENTING, read.same),
      'PeerIDs of the bridge nodes whose asking counts as consent; policy "bridge" only. Default: any that may call threshold.sign.',
      '["16Uiu2HA…", "16Uiu2HA…"]',
    ),
    consent_quorum: defaulted(
      read.integer(1, MAX_CONSENTING, 'bridge nodes'),
      1,
      'How many bridge nodes of consent_from must have asked for exactly the same.',
      '2',
    ),
    coordinator_delay: defaulted(
      read.duration('100ms', '10s'),
      LIMITS.coordinatorDelayMs,
      'The next signers coordinate a signature of which no result was heard for so long. Too short costs work and no harm.',
      '"1s"',
    ),
  },
  'signing.http': {
    url: optional(
      read.validatorUrl,
      'Where policy "http" asks what to sign (docs/POLICY.md).',
      '"https://validator.example.org/countersign"',
    ),
    timeout: defaulted(read.duration('50ms', '10s'), 2_000, 'One question to the validator.', '"2s"'),
    token_file: optional(
      read.path,
      'File (mode 0600) with the token that is sent to the validator as Authorization: Bearer.',
      '"validator.token"',
    ),
    allow_plain_http: defaulted(
      read.flag,
      false,
      'true: the validator may be asked over http beyond this machine, where anyone between could answer.',
      'false',
    ),
  },
  rotation: {
    approval_ttl: defaulted(
      read.duration('1m', '720h'),
      24 * 3_600_000,
      'An approval of a new signer set expires after this.',
      '"24h"',
    ),
    fee_ustx: optional(
      read.integer(1, MAX_FEE_USTX, 'micro-STX'),
      'Fee of rotate-keys in micro-STX that this node names; up to 16 times as much is signed for others. Default: as the chain estimates.',
      '10000',
    ),
  },
  admin: {
    socket: optional(read.path, 'Unix socket of the admin API. Default: admin.sock in data_dir.', '"data/admin.sock"'),
    listen: optional(read.hostPort, 'Read-only admin API (status, health, metrics) on TCP.', '"127.0.0.1:9464"'),
    token_file: optional(
      read.path,
      'File (mode 0600) with the token that TCP callers must send; needed beyond loopback.',
      '"admin.token"',
    ),
  },
  s2: S2_ROWS,
  log: {
    level: defaulted(read.oneOf(LOG_LEVELS), 'info', 'Least level that is written.', '"info"'),
  },
} as const

/** Sections that may stand more than once: `[[bridge]]`, `[[backup]]`. */
export const LISTS = {
  bridge: BRIDGE_ROWS,
  backup: {
    peer_id: required(
      read.peerId,
      'PeerID of a backup service of this operator: it may connect, and nothing more yet (the service comes later).',
      '"16Uiu2HA…"',
    ),
  },
} as const

export type SectionName = keyof typeof SECTIONS
export type ListName = keyof typeof LISTS

/** A whole file, key by key checked; rules between keys come after (`rules.ts`). */
export type CheckedFile = {
  readonly root: Values<typeof ROOT>
  readonly sections: { readonly [S in SectionName]: Values<(typeof SECTIONS)[S]> }
  readonly lists: { readonly [L in ListName]: readonly Values<(typeof LISTS)[L]>[] }
}
