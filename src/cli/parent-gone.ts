/** Quick beside the seconds that stopping takes. */
const LOOK_MS = 1_000

/**
 * Aborts when the process that started this one has ended: whoever adopts an orphan, its parent is another one then. The watch itself
 * keeps no process alive.
 */
export function parentGone(): AbortSignal {
  const controller = new AbortController()
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    controller.abort()
  }, LOOK_MS)
  timer.unref()
  return controller.signal
}
