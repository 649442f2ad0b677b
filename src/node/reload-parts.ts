import { METHOD_NAMES, QUOTA_NAMES } from '../rpc/index.ts'
import { loadConfig } from './config/index.ts'
import type { Foundation } from './foundation.ts'
import { tellUncounted } from './grants.ts'
import { applyReload, type NetworkParts } from './network-parts.ts'
import { ConfigWatch, Reloader } from './reload/index.ts'

export interface ReloadParts {
  readonly reloader: Reloader
  readonly configWatch: ConfigWatch
}

/** What takes over a changed config file. Asked anew at each reload: the node's identity may have changed. */
export function createReload(
  { config, clock, logger, metrics }: Pick<Foundation, 'config' | 'clock' | 'logger' | 'metrics'>,
  network: { readonly parts: () => NetworkParts; readonly isReady: () => boolean },
): ReloadParts {
  const reloader = new Reloader({
    config,
    load: (file) => loadConfig(file, { methods: METHOD_NAMES, quotaClasses: QUOTA_NAMES, isReload: true }),
    self: () => network.parts().gate.state.self,
    apply: (next) => {
      tellUncounted(next, logger)
      return applyReload(network.parts(), next)
    },
    isReady: network.isReady,
    clock,
    logger,
    metrics,
  })
  const onChange = () => void reloader.quietly('file')
  return { reloader, configWatch: new ConfigWatch({ file: config.file, onChange, clock, logger }) }
}
