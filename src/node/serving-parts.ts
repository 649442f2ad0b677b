import type { Startable } from '../base/index.ts'
import { curveChoice } from '../curve/index.ts'
import { createEventObserver } from '../registry/index.ts'
import {
  createHelloHandler,
  createKeyHandlers,
  createQuota,
  createRpcServer,
  createS2Handlers,
  createStatusHandlers,
  createThresholdHandlers,
  isS2Method,
} from '../rpc/index.ts'
import { AdminServer, type HealthBoard, readRoutes, readTokenFile } from '../status/index.ts'
import { refusedInMove, reloadRoute, rotationRoutes } from './admin-routes.ts'
import { curveView } from './curve-backend.ts'
import { type Foundation, nextOf } from './foundation.ts'
import { handoffRoutes } from './handoff-routes.ts'
import type { Identity } from './identity.ts'
import type { NetworkParts } from './network-parts.ts'
import { type RecallRoutesInit, recallRoutes } from './recall-routes.ts'
import { viewOfRecalls } from './recall-view.ts'
import type { Reloader } from './reload/index.ts'
import { s2Routes } from './s2-routes.ts'
import type { SigningParts } from './signing-parts.ts'
import { type NodeStatus, nodeStatus, stateOf } from './status.ts'
import { SOFTWARE_VERSION } from './version.ts'

/** What answers whatever key the node has: the operator over the admin API, the chain's event observer. */
export interface ServingParts {
  readonly servers: readonly Startable[]
  readonly status: () => NodeStatus
}

export async function createServing(
  base: Foundation,
  identity: Pick<Identity, 'parts' | 'isMoving'>,
  health: HealthBoard,
  reloader: Reloader,
): Promise<ServingParts> {
  const { config, watcher, metrics, logger } = base
  // Asked anew every time: they are others after a move to the next key.
  const recallFacts: RecallRoutesInit = {
    get gate() {
      return identity.parts.network.gate
    },
    get recalls() {
      return identity.parts.signing.recalls
    },
    get isHeld() {
      return identity.parts.signing.isHeld
    },
  }
  const listen = config.registry.observerListen
  const observer =
    listen &&
    createEventObserver({
      contract: config.registry.id.contract,
      onHint: () => watcher.hint(),
      ...listen,
      logger,
      metrics,
    })
  const status = (): NodeStatus => {
    const { network, signing, liveness, evidence } = identity.parts
    const { gate, host, evictor, elsewhere } = network
    return nodeStatus({
      gate,
      nextKey: nextOf(identity.parts.base)?.keyPair.publicKey,
      loadedNextKey: base.keys.next?.keyPair.publicKey,
      peerId: host.peerId,
      registryId: config.registry.id,
      snapshot: watcher.latest(),
      registryHealth: watcher.health(),
      connections: host.connections(),
      addresses: host.addresses(),
      admin: { url: admin.url, observerUrl: observer && `http://${listen?.host}:${observer.port}` },
      curve: curveView(curveChoice),
      rotation: signing.reconciler.status(),
      recalled: viewOfRecalls(recallFacts),
      evidence: evidence.book.view(),
      operator: base.operator.view(),
      keyHeld: signing.activeKey() !== undefined,
      policy: {
        kind: signing.policy.kind,
        validator: signing.policy.validatorTrouble() ?? null,
        ...signing.policy.decisions(),
      },
      lastEviction: evictor.last(),
      lastReload: reloader.last(),
      health: health.health(),
      liveness: liveness.view(),
      keyElsewhere: elsewhere.view,
    })
  }
  const admin: AdminServer = new AdminServer({
    socketPath: config.admin.socketPath,
    listen: config.admin.listen,
    token: config.admin.tokenFile === undefined ? undefined : await readTokenFile(config.admin.tokenFile),
    routes: [
      ...readRoutes({ metrics, health, status: () => ({ ...status() }) }),
      ...refusedInMove(
        [
          ...rotationRoutes(() => identity.parts.signing.reconciler),
          ...handoffRoutes(() => identity.parts.signing.reconciler),
          ...recallRoutes(recallFacts),
        ],
        identity,
      ),
      reloadRoute(reloader),
      // Of the operator, not of a key: a move to the next one does not touch it.
      ...s2Routes({ s2: base.operator.s2, view: () => base.operator.view().s2 }),
    ],
    logger,
    metrics,
  })
  return { servers: [...(observer === undefined ? [] : [observer]), admin], status }
}

/**
 * What bridge nodes dial, under the PeerID of one key. Rights are the config's: a bridge may call what is listed for it,
 * and nothing else (docs/PROTOCOL.md).
 */
export function createRpc(
  base: Foundation,
  { gate, host, grants, elsewhere }: NetworkParts,
  { activeKey, threshold, policy }: SigningParts,
): Startable {
  const { config, key, clock, logger, metrics } = base
  const { authorize, quotaOf, dailyOf } = grants
  const { s2, keys, audit, hasRoom } = base.operator
  const waitingFor = (): readonly string[] => {
    if (stateOf(gate) !== 'signer') return ['membership']
    if (elsewhere.stopped) return ['restart: key in use elsewhere']
    return activeKey() === undefined ? ['group key'] : []
  }
  return createRpcServer({
    streams: host.streams,
    authorize,
    takeQuota: createQuota(quotaOf),
    takeDaily: createQuota(dailyOf),
    audit,
    hasRoom,
    handlers: {
      hello: createHelloHandler({
        authorize,
        roleOf: (peer) => gate.roleOf(peer),
        facts: () => ({
          peerId: host.peerId,
          publicKey: key.keyPair.publicKey,
          network: config.registry.id.network,
          software: SOFTWARE_VERSION,
          waitingFor: waitingFor(),
          nextPublicKey: nextOf(base)?.keyPair.publicKey,
          nonceMode: s2?.nonceMode,
        }),
        serves: (method) => s2 !== undefined || !isS2Method(method),
      }),
      ...createStatusHandlers(() => ({ waitingFor: waitingFor(), policy: policy.kind, active: activeKey() })),
      ...createThresholdHandlers(threshold),
      ...createS2Handlers(s2),
      ...createKeyHandlers(keys),
    },
    clock,
    logger,
    metrics,
  })
}
