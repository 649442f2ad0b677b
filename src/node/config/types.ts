import type { LogLevel, PeerIdStr, PublicKey } from '../../base/index.ts'
import type { NatInit, Transport } from '../../p2p/index.ts'
import type { RegistryId } from '../../registry/index.ts'
import type { NonceMode, PolicyKind } from '../../signer/index.ts'
import type { Unlock } from '../../store/index.ts'
import type { Settings } from './settings.ts'

export interface HostPort {
  /** An address or a name; IPv6 without brackets. */
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
}

/** What a stale registry does (R5). */
export const ON_STALE = ['freeze', 'close'] as const
export type OnStale = (typeof ON_STALE)[number]

export interface SetSpec {
  /** Sorted, without duplicates. */
  readonly keys: readonly PublicKey[]
  readonly threshold: number
}

/** A known address of a member. */
export interface Seed {
  /** Multiaddr, with its `/p2p/<PeerID>` where that is known. */
  readonly address: string
  /** undefined: whoever answers there must prove to be a member. */
  readonly peerId: PeerIdStr | undefined
}

/** What one bridge node may call: nothing that isn't listed (docs/PROTOCOL.md). */
export interface BridgeGrant {
  readonly peerId: PeerIdStr
  readonly methods: readonly string[]
  /** Keys that these may use, as `threshold`, `s2/musig2`, `s2/*`, `keys/consensus-1`, `keys/*`. */
  readonly keys: readonly string[]
  /** Requests or items a second, by class, or a day (`s2_per_day`); the server's own where a class is missing. */
  readonly quota: Readonly<Record<string, number>>
  /** Methods that give a secret out may be called, if they are listed. */
  readonly allowSecretExport: boolean
  /** Keys of the key service may sign 32 bytes as they are. */
  readonly allowRawSign: boolean
}

/** The secret-service seed, and what tells whether its one-time secrets are remembered (R32). */
export interface S2Config {
  readonly seedFile: string
  /** x-only, hex: the MuSig2 key that the seed must lead to (incident 20). */
  readonly publicKey: string
  readonly unlock: Unlock
  readonly nonceMode: NonceMode
  /** R33: nobody else makes reference nonces from this seed. */
  readonly referenceRetired: boolean
  /** Outside the data folder, as the next one. */
  readonly instanceFile: string
  readonly journalFile: string | undefined
  readonly importedNoncesFile: string | undefined
}

/** A sealed key, pinned, and what opens it. */
export interface KeyFileConfig {
  readonly keyFile: string
  readonly publicKey: PublicKey
  readonly unlock: Unlock
}

/** The service that decides what is signed. */
export interface ValidatorConfig {
  readonly url: string
  readonly timeoutMs: number
  readonly tokenFile: string | undefined
}

/** A checked config. Every path is absolute, every duration in ms, every default filled in. */
export interface NodeConfig {
  readonly file: string
  readonly dataDir: string
  readonly identity: {
    readonly keyFile: string
    /** The key that the key file must hold: a wrong path is an error and never a new identity. */
    readonly publicKey: PublicKey
    readonly unlock: Unlock
    /** The key that is to take this one's place (R7). */
    readonly next: KeyFileConfig | undefined
    /** End the process when this key has left the set. */
    readonly exitOnRemoval: boolean
    /** For so long it must have been out by then. */
    readonly exitOnRemovalAfterMs: number
  }
  readonly registry: {
    readonly id: RegistryId
    /** Base URLs without a closing slash. */
    readonly endpoints: readonly string[]
    readonly quorum: number
    readonly pollIntervalMs: number
    /** Past this age the last good snapshot is stale (R5). */
    readonly maxAgeMs: number
    readonly onStale: OnStale
    /** The pending set while the registry answers "uninitialised" (R6). */
    readonly bootstrap: SetSpec | undefined
    readonly observerListen: HostPort | undefined
    /** Bitcoin blocks that must stand on what is read (R4). */
    readonly confirmations: number
  }
  readonly p2p: {
    readonly listen: readonly string[]
    readonly announce: readonly string[]
    readonly transports: readonly Transport[]
    readonly seeds: readonly Seed[]
    /** Refused whatever else they are. */
    readonly deny: readonly PeerIdStr[]
    /** Whether members are looked for on the local network. */
    readonly mdns: boolean
    /** undefined: no relay protocol is spoken. */
    readonly nat: NatInit | undefined
  }
  readonly signing: {
    readonly policy: PolicyKind
    /** How long a consent stands after it was asked for. */
    readonly requestTtlMs: number
    /** Whose asking counts (R27); undefined: any one bridge that may ask. */
    readonly consent: { readonly from: readonly PeerIdStr[]; readonly quorum: number } | undefined
    /** For policy `http`. */
    readonly validator: ValidatorConfig | undefined
    /** Until the next members coordinate a sign round. */
    readonly coordinatorDelayMs: number
  }
  /** undefined: no seed, and none of its methods is served. */
  readonly s2: S2Config | undefined
  readonly bridges: readonly BridgeGrant[]
  /** Backup services of this operator. */
  readonly backups: readonly PeerIdStr[]
  readonly rotation: {
    readonly approvalTtlMs: number
    /** undefined: as the chain estimates. */
    readonly feeUstx: number | undefined
  }
  readonly admin: {
    readonly socketPath: string
    readonly listen: HostPort | undefined
    readonly tokenFile: string | undefined
  }
  readonly log: { readonly level: LogLevel }
  /** The file key by key, as it was written: what a reload is compared with. */
  readonly settings: Settings
}
