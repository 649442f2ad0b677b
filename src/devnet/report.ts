import type { DevnetOptions } from './options.ts'

/** A step of the devnet's life: one JSON object per line with --json, a line of words without. */
export interface DevnetEvent {
  readonly event: string
  readonly [field: string]: unknown
}
export type Report = (event: DevnetEvent, words?: string) => void

/** With --json stdout carries JSON lines and nothing else; without, words for a person. */
export function createReport(o: Pick<DevnetOptions, 'json' | 'stdout'>, startedAtMs: number): Report {
  return (event, words) => {
    if (o.json) o.stdout(`${JSON.stringify(event)}\n`)
    else if (words !== undefined)
      o.stdout(`${((Date.now() - startedAtMs) / 1000).toFixed(1).padStart(6)} s  ${words}\n`)
  }
}
