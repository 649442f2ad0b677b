import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'

const versionOf = (name: string): string | undefined => {
  try {
    return JSON.parse(readFileSync(new URL(`../../node_modules/${name}/package.json`, import.meta.url), 'utf8')).version
  } catch {
    return undefined
  }
}

/** One line: what ran, and what it is compared with. Packages that are not there are left out. */
export function versionsLine(packages: readonly string[]): string {
  const found = packages.flatMap((name) => {
    const version = versionOf(name)
    return version === undefined ? [] : [`${name} ${version}`]
  })
  return [`Node ${process.versions.node}`, ...found, `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`].join(', ')
}
