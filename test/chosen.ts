/** As sysexits(3): a command line that asks for nothing there is. */
const USAGE = 64

/**
 * What the words of a slow script's command line choose: names that hold all of them; without words, everything. Ends the process
 * with the usage for `--help`, and with 64 where nothing is chosen: a mistyped name must not look like a run that went well.
 */
export function chosenOrExit<T>(usage: string, all: readonly T[], nameOf: (one: T) => string): readonly T[] {
  const words = process.argv.slice(2)
  if (words.some((w) => w === '--help' || w === '-h')) {
    process.stdout.write(`${usage}\n\n${all.map((one) => `  ${nameOf(one)}`).join('\n')}\n`)
    process.exit(0)
  }
  const chosen = all.filter((one) => words.every((w) => nameOf(one).includes(w)))
  if (chosen.length > 0) return chosen
  process.stderr.write(`nothing is named by ${JSON.stringify(words.join(' '))}; --help lists the names\n`)
  process.exit(USAGE)
}
