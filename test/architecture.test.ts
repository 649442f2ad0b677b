import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const SRC = resolve(import.meta.dirname, '../src')

/** ARCHITECTURE.md as data: level, and which rooms a room may import (always of a lower level). */
const ROOMS: Readonly<Record<string, { level: number; mayImport: readonly string[] | 'all below' }>> = {
  base: { level: 0, mayImport: [] },
  curve: { level: 1, mayImport: ['base'] },
  crypto: { level: 2, mayImport: ['base', 'curve'] },
  store: { level: 2, mayImport: ['base', 'curve'] },
  registry: { level: 2, mayImport: ['base', 'curve'] },
  p2p: { level: 2, mayImport: ['base', 'curve'] },
  attestation: { level: 2, mayImport: ['base', 'curve'] },
  status: { level: 2, mayImport: ['base'] },
  gating: { level: 3, mayImport: ['base', 'curve', 'registry'] },
  signer: { level: 3, mayImport: ['base', 'curve', 'crypto', 'store'] },
  rounds: { level: 4, mayImport: ['base', 'curve', 'crypto', 'store', 'registry', 'p2p', 'signer'] },
  rpc: { level: 4, mayImport: ['base', 'curve', 'p2p', 'signer'] },
  backup: { level: 4, mayImport: ['base', 'curve', 'crypto', 'store', 'registry', 'p2p'] },
  rotation: { level: 5, mayImport: ['base', 'curve', 'store', 'registry', 'rounds'] },
  node: { level: 6, mayImport: 'all below' },
  devnet: { level: 7, mayImport: ['base', 'curve', 'store', 'p2p', 'registry', 'rpc', 'node'] },
  cli: { level: 8, mayImport: 'all below' },
}

/** Each external family is named in one room (ARCHITECTURE.md); elsewhere it would leak. */
const FAMILIES: readonly { family: string; matches: RegExp; rooms: readonly string[] }[] = [
  { family: 'libp2p', matches: /^(libp2p|@libp2p\/|@chainsafe\/libp2p|@multiformats\/)/, rooms: ['p2p'] },
  { family: 'Stacks', matches: /^@stacks\//, rooms: ['registry', 'devnet'] },
  { family: 'LevelDB and age', matches: /^(classic-level|age-encryption)$/, rooms: ['store'] },
  { family: 'curve and hash libraries', matches: /^(@noble\/|@scure\/)/, rooms: ['curve', 'crypto'] },
  { family: 'the curve in C', matches: /^secp256k1(\/|$)/, rooms: ['curve'] },
  { family: 'metrics client', matches: /^prom-client$/, rooms: ['status'] },
]
/** gating may name libp2p's types (it implements its ConnectionGater), but run nothing of it. */
const TYPE_ONLY: readonly { family: string; room: string }[] = [{ family: 'libp2p', room: 'gating' }]

interface Import {
  readonly file: string
  readonly room: string
  readonly specifier: string
  readonly typeOnly: boolean
}

const files = (dir: string): string[] =>
  readdirSync(dir).flatMap((name) => {
    const path = join(dir, name)
    return statSync(path).isDirectory() ? files(path) : path.endsWith('.ts') ? [path] : []
  })

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^'"]*?\sfrom\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g

const imports: Import[] = files(SRC).flatMap((path) => {
  const file = relative(SRC, path)
  const room = file.split('/')[0] ?? ''
  return [...readFileSync(path, 'utf8').matchAll(IMPORT)].map((m) => ({
    file,
    room,
    specifier: m[2] ?? m[3] ?? '',
    typeOnly: m[1] !== undefined,
  }))
})

const relativeImports = imports
  .filter((i) => i.specifier.startsWith('.'))
  .map((i) => ({ ...i, target: relative(SRC, resolve(SRC, dirname(i.file), i.specifier)) }))
  .map((i) => ({ ...i, targetRoom: i.target.split('/')[0] ?? '' }))

describe('the house (ARCHITECTURE.md)', () => {
  it('should find the imports it judges', () => {
    expect(imports.length).toBeGreaterThan(50)
    expect(relativeImports.filter((i) => i.room !== i.targetRoom).length).toBeGreaterThan(10)
  })

  it('should have no folder that is not a room, and no file outside a room', () => {
    for (const name of readdirSync(SRC)) expect(Object.keys(ROOMS), name).toContain(name)
  })

  it('should have a table in which arrows point only downward', () => {
    for (const [room, { level, mayImport }] of Object.entries(ROOMS)) {
      if (mayImport === 'all below') continue
      for (const other of mayImport) expect(ROOMS[other]?.level, `${room} → ${other}`).toBeLessThan(level)
    }
  })

  it('should import only what the table allows', () => {
    for (const { file, room, targetRoom, target } of relativeImports) {
      if (room === targetRoom) continue
      const row = ROOMS[room]
      const allowed =
        row?.mayImport === 'all below'
          ? (ROOMS[targetRoom]?.level ?? Number.POSITIVE_INFINITY) < row.level
          : row?.mayImport.includes(targetRoom)
      expect(allowed, `${file} imports ${target}`).toBe(true)
    }
  })

  it('should enter a room only by its face', () => {
    const doors = new Set([...Object.keys(ROOMS).map((r) => `${r}/index.ts`), 'rpc/client/index.ts'])
    for (const { file, room, targetRoom, target } of relativeImports) {
      if (room !== targetRoom) expect(doors.has(target), `${file} imports ${target}`).toBe(true)
    }
  })

  it('should name each external family only in its room', () => {
    for (const { file, room, specifier, typeOnly } of imports) {
      for (const { family, matches, rooms } of FAMILIES) {
        if (!matches.test(specifier)) continue
        const typesHere = typeOnly && TYPE_ONLY.some((t) => t.family === family && t.room === room)
        expect(rooms.includes(room) || typesHere, `${file} imports ${specifier} (${family})`).toBe(true)
      }
    }
  })

  it('should keep the client free of what only Node has', () => {
    for (const { file, specifier } of imports.filter(
      (i) => i.file.startsWith('rpc/client/') || i.file.startsWith('rpc/wire/'),
    ))
      expect(specifier.startsWith('node:'), `${file} imports ${specifier}`).toBe(false)
  })

  it('should keep files small', () => {
    for (const path of files(SRC).filter((p) => !p.includes('/pb/')))
      expect(readFileSync(path, 'utf8').split('\n').length, relative(SRC, path)).toBeLessThanOrEqual(400)
  })
})
