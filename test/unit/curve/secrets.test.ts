import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { linesOf, ROOT, type Span, sourceFiles, spansOf } from './source-functions.ts'

const PAGE = readFileSync(join(ROOT, 'docs/SECRETS.md'), 'utf8')

/** Cells of the table under a heading, without its two head lines. */
const table = (heading: string): readonly (readonly string[])[] =>
  (PAGE.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
const quoted = (cell = ''): readonly string[] => [...cell.matchAll(/`(#?\w+)`/g)].map(([, name = '']) => name)

interface Row {
  readonly file: string
  readonly name: string
  readonly calls: readonly string[]
}
const rowsOf = (heading: string): readonly Row[] =>
  table(heading).map(([, file = '', fn, calls]) => ({ file, name: quoted(fn)[0] ?? '', calls: quoted(calls) }))

const OPERATIONS = rowsOf('Operations')
const FALLBACK = rowsOf('The fallback')
const CURVE25519 = rowsOf('Ed25519 and X25519')
const PUBLIC = rowsOf('The same functions on public values')
const EXPOSED = rowsOf('Secrets that leave the curve room')

/** Constant-time, of the addon. */
const IN_C = table('What the C library does').flatMap(([names]) => quoted(names))
/** Of the port and of the addon: variable-time, or made of such. */
const VARIABLE =
  /\b(mulPointPublic|linearCombination|sumPoints|multiplyUnsafe|publicKeyTweakMul|publicKeyTweakAdd|publicKeyCombine|ecdsaRecover)\b/
const BIGINT = /\bBigInt\b|\bbigint\b|\b\d+n\b|\bFn\b|\bPoint\b/
/** Whoever calls one of these has a secret in hand, unless it says that it has not. */
const TAKES_SECRET =
  /(?<!['`])\b(?:curve|c|port|addon|nobleCurve|schnorr|secp256k1|utils|ed25519|x25519|noble)\.(publicKeyOf|publicKeyCreate|ecdhPoint|ecdh|getPublicKey|getSharedSecret|sharedSecret|ecdsaSign|sign|schnorrSign|addScalars|mulScalars|negateScalar|reduce|randomScalar|randomSecretKey|privateKey\w+)\b|\b(?:createPrivateKey|diffieHellman)\(/
/** Calls on the curve, by any of the names it goes by. */
const CALLS = /\b(?:curve|c|port|addon|scalars|parts|ed25519|x25519)\.(\w+)\(/g

const only = ({ file, name }: Row): Span => {
  const [span, ...more] = spansOf(linesOf(file), name)
  if (span === undefined || more.length > 0)
    throw new Error(
      `docs/SECRETS.md names ${name} of ${file}, which declares it ${more.length === 0 ? 'not' : 'twice'}`,
    )
  return span
}
const bodyOf = (row: Row): string => {
  const { from, to } = only(row)
  return linesOf(row.file)
    .slice(from, to + 1)
    .join('\n')
}
/** Lines that match and stand in no function of the rows. */
const outside = (file: string, pattern: RegExp, rows: readonly Row[]): readonly string[] => {
  const spans = rows.filter((r) => r.file === file).map(only)
  return linesOf(file).flatMap((line, i) =>
    pattern.test(line) && !spans.some(({ from, to }) => from <= i && i <= to)
      ? [`${file}:${i + 1} ${line.trim()}`]
      : [],
  )
}
const judged = sourceFiles()

/** What secrets are called wherever they are held; quoted words are none. */
const HOLDS = /\b(signingShare|zeroize|exposeSecret|SecretNonces|openShare|secrets?)\b/
const PUBLIC_HELPER =
  /(?<![.\w])(add|sub|mul|neg|toScalarBytes|parsePublicScalar|reduced|powersOf|lagrangeAtZero|lagrangeOf|sumOf)\b(?!:)/
/** Declared, not computed with. */
const BIGINT_FIELD = /^\s*readonly #?\w+: bigint$/
const IMPORT = /^(import|\} from) /
const SECRET_HERE = /\b(signingShare|nonces|secret\w*|coefficients)\b/
const unquoted = (file: string) => linesOf(file).map((line) => line.replace(/'[^']*'/g, "''"))
const isHolder = (file: string) =>
  !/^src\/curve\/|^src\/base\/bytes\.ts$|\/index\.ts$/.test(file) && unquoted(file).some((line) => HOLDS.test(line))
const HOLDERS = table('Files that hold secrets').map(([file = '', , allowed]) => ({ file, allowed: quoted(allowed) }))
const isPublicMath = (line: string) =>
  (BIGINT.test(line) || PUBLIC_HELPER.test(line)) && !IMPORT.test(line) && !BIGINT_FIELD.test(line)

describe('docs/SECRETS.md', () => {
  it('should have its tables', () => {
    expect(OPERATIONS.length).toBeGreaterThan(20)
    expect(FALLBACK).toHaveLength(10)
    expect(CURVE25519).toHaveLength(8)
    expect(IN_C).toHaveLength(7)
    for (const rows of [PUBLIC, EXPOSED]) expect(rows.length).toBeGreaterThan(0)
  })

  describe.each(OPERATIONS)('$name of $file', (row) => {
    it('should call nothing of variable time, and no bigint', () => {
      expect(bodyOf(row)).not.toMatch(VARIABLE)
      expect(bodyOf(row)).not.toMatch(BIGINT)
    })
    it('should call of the curve what its row says, and nothing else that takes a secret', () => {
      const body = bodyOf(row)
      for (const name of row.calls) expect(body).toMatch(new RegExp(`\\b${name}\\(`))
      const called = [...body.matchAll(CALLS)].map(([, name = '']) => name)
      expect(called.filter((name) => !row.calls.includes(name))).toEqual([])
    })
    it('should call only what is in C, of the port, or a row itself', () => {
      const known = new Set([...IN_C, ...[...OPERATIONS, ...CURVE25519].map((r) => r.name)])
      expect(row.calls.filter((name) => !known.has(name))).toEqual([])
    })
  })

  it.each([...FALLBACK, ...CURVE25519])('should call nothing of variable time in noble: $name of $file', (row) => {
    expect(bodyOf(row)).not.toMatch(VARIABLE)
  })

  it('should have a row for every function that computes with a secret, or that says it is none', () => {
    const rows = [...OPERATIONS, ...FALLBACK, ...CURVE25519, ...PUBLIC]
    expect(judged.flatMap((file) => outside(file, TAKES_SECRET, rows))).toEqual([])
  })
  it('should have a row wherever a key leaves the curve room', () => {
    const files = judged.filter((file) => !file.startsWith('src/curve/'))
    const lines = files.flatMap((file) => outside(file, /\bexposeSecret\(\)/, [...EXPOSED, ...OPERATIONS]))
    // Declarations of the port's type are no calls.
    expect(lines).toEqual([])
  })
  it('should have a row for every file that holds a secret', () => {
    const rows = HOLDERS.map((h) => h.file)
    expect(judged.filter((file) => isHolder(file) && !rows.includes(file))).toEqual([])
    expect(rows.filter((file) => !judged.includes(file))).toEqual([])
  })
  it.each(HOLDERS)('should compute with public numbers only where its row says: $file', ({ file, allowed }) => {
    const spans = allowed.map((name) => only({ file, name, calls: [] }))
    const lines = unquoted(file)
    const inSpan = (i: number) => spans.some(({ from, to }) => from <= i && i <= to)
    expect(lines.flatMap((line, i) => (isPublicMath(line) && !inSpan(i) ? [`${i + 1} ${line.trim()}`] : []))).toEqual(
      [],
    )
    for (const { from, to } of spans) expect(lines.slice(from, to + 1).some(isPublicMath)).toBe(true)
    if (allowed.length === 0) expect(linesOf(file).join('\n')).not.toMatch(/from '.*\/public-scalars\.ts'/)
  })
  it.each(HOLDERS.filter((h) => h.allowed.length > 0))(
    'should hand a secret on to a row, and to no bigint: $file',
    (row) => {
      const known = OPERATIONS.map((r) => r.name).join('|')
      const handsOn = new RegExp(`\\b(?:${known})\\(`)
      for (const name of row.allowed) {
        // Its first line declares it. What a pair was announced as is public.
        const [, ...body] = bodyOf({ ...row, name, calls: [] })
          .replaceAll('nonces.commitment', '')
          .split('\n')
        expect(body.filter((line) => SECRET_HERE.test(line) && !handsOn.test(line))).toEqual([])
      }
    },
  )
  it('should find public arithmetic wherever it stands', () => {
    for (const line of ['parts.map(reduced).reduce(add)', 'x === 0n', 'BigInt(s)', '  mul(a, b)'])
      expect(isPublicMath(line), line).toBe(true)
    for (const line of ['seen.add(x)', '  readonly offset: bigint', "import { add } from './public-scalars.ts'"])
      expect(isPublicMath(line), line).toBe(false)
  })
  it('should let nobody else compute with the curve library', () => {
    const importing = judged.filter((file) => linesOf(file).some((l) => /from '(@noble\/curves|secp256k1)/.test(l)))
    // The first two compute with what everybody may know, the port's fallback and the other curve's with everything.
    expect(importing).toEqual([
      'src/crypto/identifier.ts',
      'src/crypto/public-scalars.ts',
      'src/curve/ed25519.ts',
      'src/curve/noble.ts',
      'src/curve/x25519.ts',
    ])
  })
  it('should find what it looks for', () => {
    expect(spansOf(['const a = (', '  x,', ') => {', '  y', '}', 'const b = 1'], 'a')).toEqual([{ from: 0, to: 4 }])
    expect(spansOf(['  f(a: A): B {', '    g()', '  }', '  g() {', '  }'], 'f')).toEqual([{ from: 0, to: 2 }])
    expect(spansOf(['const o = {', '  f: (a) => g(a),', '  h: 1,', '}'], 'f')).toEqual([{ from: 1, to: 1 }])
    expect(spansOf(['  f(a)', '  f(a, b)'], 'f')).toEqual([])
  })
})
