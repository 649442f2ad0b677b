import { join } from 'node:path'
import { type Logger, type PublicKey, silentLogger } from '../../../../src/base/index.ts'
import { KeyPair } from '../../../../src/curve/index.ts'
import {
  type DurableKeyService,
  fileKeyBackend,
  type KeyBackend,
  type KeySpec,
  keyService,
  memoryKeyBackend,
  type SoftwareBackendInit,
} from '../../../../src/signer/index.ts'
import { generateStorageIdentity, type Sealer, sealerOf } from '../../../../src/store/index.ts'
import { FakeClock, FakeSpace } from '../fixtures.ts'

/** What stays of a node between two starts. */
export interface KeyNode {
  readonly dir: string
  readonly sealer: Sealer
  readonly owner: PublicKey
  readonly space: FakeSpace
  readonly clock: FakeClock
  readonly logger: Logger
}

/** `folder` is made when something is written. */
export const keyNode = async (folder: string, logger = silentLogger): Promise<KeyNode> => ({
  dir: join(folder, 'keys'),
  sealer: await sealerOf(await generateStorageIdentity()),
  owner: KeyPair.generate().publicKey,
  space: new FakeSpace(),
  clock: new FakeClock(),
  logger,
})

export const fileBackend = (node: KeyNode): KeyBackend => fileKeyBackend(node)
export const memoryBackend = (node: SoftwareBackendInit): KeyBackend => memoryKeyBackend(node)

export async function openKeys(node: KeyNode, backend: KeyBackend = fileBackend(node)): Promise<DurableKeyService> {
  const service = keyService({ backend, space: node.space, clock: node.clock, logger: node.logger })
  await service.start()
  return service
}

export const SIGNING: KeySpec = {
  type: 'secp256k1',
  name: 'consensus-1',
  role: 'consensus',
  capabilities: ['sign', 'export'],
}
export const specOf = (name: string, more: Partial<KeySpec> = {}): KeySpec => ({ ...SIGNING, name, ...more })
export const ED: KeySpec = { type: 'ed25519', name: 'discovery', role: 'discovery', capabilities: ['sign', 'export'] }
export const DH: KeySpec = { type: 'x25519', name: 'handshake', role: 'handshake', capabilities: ['agree', 'export'] }

export const messageOf = (domain: string, text: string) =>
  ({ kind: 'message', domain, message: new TextEncoder().encode(text) }) as const
export const rawOf = (fill: number, length = 32) =>
  ({ kind: 'raw', digest: new Uint8Array(length).fill(fill) }) as const

/** Lines of a log, as a node would write them. */
export function keptLog(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = []
  const at = (level: string) => (message: string, fields?: object) =>
    void lines.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`)
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  }
  return { logger, lines }
}
