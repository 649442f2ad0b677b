import type { Gate } from '../../src/gating/index.ts'
import { type ModelFacts, mayConnect, mayGossip, mayOpen, wantedPeers } from './rules.ts'
import { hashOf, REGISTRY_SCOPE, type System } from './system.ts'
import { FORGED, nameOfPeer, PEERS, peerIdOf, SETS } from './universe.ts'

/** A protocol of each kind, as the network spells them; `none` is a kind that nobody has a right to. */
export const PROTOCOLS: readonly (readonly [protocol: string, kind: string])[] = [
  ['/meshsub/1.1.0', 'gossip'],
  ['/floodsub/1.0.0', 'gossip'],
  ['/ipfs/id/1.0.0', 'identify'],
  ['/ipfs/id/push/1.0.0', 'identify'],
  ['/ipfs/ping/1.0.0', 'ping'],
  ['/countersign/direct/1', 'direct'],
  ['/countersign/addresses/1', 'addresses'],
  ['/libp2p/circuit/relay/0.2.0/hop', 'relay'],
  ['/libp2p/dcutr', 'relay'],
  ['/countersign/backup/1', 'backup'],
  ['/countersign/rpc/1', 'rpc'],
  ['/ipfs/kad/1.0.0', 'none'],
  ['/countersign/other/1', 'none'],
]

const said = (outcome: ReturnType<Gate['mayConnect']>): string => (outcome.ok ? 'ok' : outcome.reason)

/** Asks gate and model everything they can be asked. `pendingIds`: every one that was ever approved. */
export function disagreements(facts: ModelFacts, { gate, host }: System, pendingIds: Iterable<string>): string[] {
  const found: string[] = []
  const same = (what: string, model: string, real: string) => {
    if (model !== real) found.push(`${what}: the model says ${model}, the gate ${real}`)
  }
  for (const peer of PEERS) {
    const id = peerIdOf(peer.name)
    for (const direction of ['inbound', 'outbound'] as const)
      same(`${peer.name} ${direction}`, mayConnect(facts, peer, direction), said(gate.mayConnect(id, direction)))
    for (const [protocol, kind] of PROTOCOLS)
      same(`${peer.name} ${protocol}`, mayOpen(facts, peer, kind), said(gate.mayOpenStream(id, protocol)))
    const topic = (purpose: 'sign' | 'keygen' | 'liveness', name: string, scope: string) =>
      same(
        `${peer.name} ${purpose} of ${name}`,
        mayGossip(facts, peer, purpose, name),
        said(gate.mayGossip(id, { purpose, scope: scope as typeof REGISTRY_SCOPE })),
      )
    for (const { name } of [...SETS, FORGED]) topic('sign', name, hashOf(name))
    for (const pending of pendingIds) topic('keygen', pending, pending)
    topic('liveness', 'registry', REGISTRY_SCOPE)
    topic('sign', 'registry', REGISTRY_SCOPE)
    topic('liveness', SETS[0]?.name ?? '', hashOf(SETS[0]?.name ?? ''))
  }
  same('self removed', String(facts.selfRemoved), String(gate.state.selfRemoved))
  const kept = host.kept.map((p) => nameOfPeer(p.peerId)).sort()
  same('mesh', wantedPeers(facts, PEERS).sort().join(' '), kept.join(' '))
  for (const { peerId, direction } of host.open) {
    const peer = PEERS.find((p) => p.name === nameOfPeer(peerId))
    if (peer !== undefined && mayConnect(facts, peer, direction) !== 'ok')
      found.push(`${peer.name} is still connected, ${direction}`)
  }
  return found
}
