import type { NodeStatus } from '../node/index.ts'
import { adminCall } from '../node/index.ts'

/** A running signer's own view, over its admin socket. */
export async function readStatus(socketPath: string, signal: AbortSignal): Promise<NodeStatus> {
  const { json } = await adminCall({ socketPath, method: 'GET', path: '/status', signal })
  // The answer comes from a process this devnet started, of the same version.
  return json as NodeStatus
}

/** The operator's consent, as `countersign rotation approve --yes` gives it. */
export async function approveRotation(
  socketPath: string,
  set: { readonly keys: readonly string[]; readonly threshold: number; readonly attempt: number },
  signal: AbortSignal,
): Promise<void> {
  await adminCall({ socketPath, method: 'POST', path: '/rotation/approve', body: { ...set, dry_run: false }, signal })
}

/** The status, or undefined while the process is still starting. */
export async function statusIfUp(socketPath: string, signal: AbortSignal): Promise<NodeStatus | undefined> {
  try {
    return await readStatus(socketPath, signal)
  } catch (error) {
    if (signal.aborted) throw error
    return undefined
  }
}
