import { verdictOf } from './verdict.ts'

/** A process of the slow run: plays the seeds that it is given, one at a time, and ends with its parent. */
process.on('message', (seed: string) => {
  void verdictOf(seed).then((verdict) => process.send?.({ verdict, rssBytes: process.memoryUsage.rss() }))
})
