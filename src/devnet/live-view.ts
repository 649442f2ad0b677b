import { sleep } from '../base/index.ts'
import type { NodeStatus } from '../node/index.ts'
import type { DevnetNetwork } from './network.ts'

const REFRESH_MS = 1_000
const UP = (lines: number): string => `\x1b[${lines}A`
const CLEAR_LINE = '\x1b[2K'

/** One row per signer: what an operator would ask first. */
export function liveRows(
  height: number,
  signers: readonly { readonly name: string; readonly pid: number; readonly status: NodeStatus | undefined }[],
): readonly string[] {
  const rows = signers.map(({ name, pid, status: s }) =>
    s === undefined
      ? [name, String(pid), 'not answering', '', '', '', '']
      : [
          name,
          String(pid),
          s.state,
          `${s.members.filter((m) => m.connected).length}/${Math.max(0, s.members.length - 1)}`,
          s.key?.held ? `${s.key.groupKey.slice(0, 12)}…` : '–',
          s.health.ok ? 'green' : `red: ${s.health.red.join(', ')}`,
          String(Object.values(s.denials.totals).reduce((a, b) => a + b, 0)),
        ],
  )
  const table = [['signer', 'pid', 'state', 'links', 'group key', 'health', 'denied'], ...rows]
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? []
  const lines = table.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  )
  return [`  block ${height}`, ...lines]
}

/** Redraws the rows in place every second, for terminals only. Rejects with the signal's reason when it aborts. */
export async function showLive(net: DevnetNetwork, write: (text: string) => void, signal: AbortSignal): Promise<never> {
  net.liveView = true
  let drawn = 0
  for (;;) {
    const statuses = await net.statuses()
    const lines = liveRows(
      net.chain.tip().height,
      net.signers.map(({ name, process }, i) => ({ name, pid: process.pid, status: statuses[i] })),
    )
    write(`${drawn > 0 ? UP(drawn) : ''}${lines.map((line) => `${CLEAR_LINE}${line}\n`).join('')}`)
    drawn = lines.length
    await sleep(REFRESH_MS, signal)
  }
}
