import { readFileSync } from 'node:fs'

/** From package.json, which lies two folders up from src/node and dist/node alike. */
function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : undefined
  return typeof version === 'string' ? version : '0.0.0'
}

export const SOFTWARE_VERSION = `countersign/${readVersion()}`
