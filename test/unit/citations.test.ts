import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const CITING = [
  'src/**/*.{ts,proto}',
  'test/**/*.ts',
  'bench/**/*.ts',
  'contracts/*.clar',
  'config/*.toml',
  'docs/*.md',
  '*.md',
]
const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8')
const SELF = 'test/unit/citations.test.ts'
const FILES = CITING.flatMap((pattern) => globSync(pattern, { cwd: ROOT })).filter((file) => file !== SELF)
const LAST = 40

/** What stands in a file, with the file. */
const found = (pattern: RegExp, files = FILES): readonly (readonly [file: string, what: string])[] =>
  files.flatMap((file) => [...textOf(file).matchAll(pattern)].map((m) => [file, m[1] ?? m[0]] as const))

const defined = [...textOf('docs/RULES.md').matchAll(/^- \*\*R(\d+)\*\* (.*(?:\n {2}.*)*)/gm)]

describe('docs/RULES.md', () => {
  it('should say every rule once, in order, with a sentence', () => {
    expect(defined.map(([, n]) => Number(n))).toEqual(Array.from({ length: LAST }, (_, i) => i + 1))
    for (const [, n, text = ''] of defined) expect(text.length, `R${n}`).toBeGreaterThan(60)
  })
  it('should hold every rule that is cited anywhere, ranges too', () => {
    const cited = found(/\bR([1-9]\d?)\b/g)
    expect(new Set(cited.map(([, n]) => n)).size).toBeGreaterThan(25)
    expect(cited.filter(([, n]) => Number(n) > LAST)).toEqual([])
  })
  it('should not mark as unbuilt what a guard in the sources is cited for', () => {
    const unbuilt = defined.filter(([, , text = '']) => text.startsWith('†')).map(([, n]) => n ?? '')
    expect(unbuilt.length).toBeGreaterThan(0)
    const inSources = found(
      /\bR([1-9]\d?)\b/g,
      FILES.filter((f) => f.startsWith('src/')),
    )
    expect(inSources.filter(([, n]) => unbuilt.includes(n))).toEqual([])
  })
})

describe('what is cited', () => {
  it('should be a page that is there, from where it is cited', () => {
    const pages = found(/(?<![\w/.*-])((?:\.{1,2}\/|[a-z]+\/)*[A-Z][A-Z_-]*\.md)\b/g)
    expect(pages.length).toBeGreaterThan(50)
    // In a page a link is relative to it; in code a page of docs/ is often named alone.
    const isThere = (file: string, page: string) =>
      [ROOT, join(ROOT, 'docs'), join(ROOT, dirname(file))].some((dir) => existsSync(join(dir, page)))
    expect(pages.filter(([file, page]) => !isThere(file, page))).toEqual([])
  })
  it('should be no page or plan that is not published', () => {
    const unpublished =
      /\bDESIGN\b|\bEXEMPLARS\b|(?<![\w/-])spec\/|\bregistry spec\b|\bperformance\.md\b|\b[Ii]ssue #?\d+/g
    expect(found(unpublished)).toEqual([])
  })
  it('should be a heading that is there, where a link names one', () => {
    const links = found(/\]\(((?:[\w./-]+\.md)?#[\w-]+)\)/g)
    const anchor = (heading: string) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-')
    const missing = links.filter(([file, link]) => {
      const [page = '', name] = link.split('#')
      const text = textOf(page === '' ? file : join(dirname(file), page))
      return ![...text.matchAll(/^#+ (.+)$/gm)].some(([, heading = '']) => anchor(heading) === name)
    })
    expect(missing).toEqual([])
  })
  it('should be an incident that has a test of its own', () => {
    const tested = globSync('test/incidents/*.test.ts', { cwd: ROOT }).map((f) => Number(/(\d+)-/.exec(f)?.[1]))
    const cited = found(/\bincidents? (\d+)\b/gi)
    expect(cited.length).toBeGreaterThan(20)
    expect(cited.filter(([, n]) => !tested.includes(Number(n)))).toEqual([])
  })
})
