/** Stands in for the campaign's worker: does what the seed is called. */
process.on('message', (seed: string) => {
  if (seed === 'die') process.exit(3)
  if (seed === 'mute') return
  const wrong = seed === 'bad' ? ['something'] : []
  const tally = { wrong, counts: {}, slowestMs: process.pid }
  process.send?.({ verdict: { seed, wrong, tally, account: undefined }, rssBytes: 1 })
})
