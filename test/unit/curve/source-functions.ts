import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const ROOT = resolve(import.meta.dirname, '../../..')

/** Lines of a file in src, without what stands in comments; `from` counts from 0. */
export const linesOf = (file: string): readonly string[] =>
  readFileSync(join(ROOT, file), 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ''))
    .split('\n')
    .map((line) => line.replace(/(^|\s)\/\/.*$/, ''))

export const sourceFiles = (dir = 'src'): readonly string[] =>
  readdirSync(join(ROOT, dir)).flatMap((name) => {
    const path = `${dir}/${name}`
    return statSync(join(ROOT, path)).isDirectory() ? sourceFiles(path) : path.endsWith('.ts') ? [path] : []
  })

export interface Span {
  readonly from: number
  /** The last line of it. */
  readonly to: number
}

const indentOf = (line: string): number => line.length - line.trimStart().length

/**
 * Where a function is declared (`function f`, `const f =`, a property `f:`, a method `f(…) … {`), by the formatter's
 * indentation: it ends before the next line that is indented no deeper, unless that one goes on with it.
 */
export function spansOf(lines: readonly string[], name: string): readonly Span[] {
  const declared = new RegExp(
    `^\\s*(?:export |private |static |async |readonly )*(?:(?:function |const )${name}\\b|${name}: |${name}\\(.*(?:\\{|\\($)|${name}\\($)`,
  )
  return lines.flatMap((line, from) => {
    if (!declared.test(line)) return []
    const indent = indentOf(line)
    let to = from
    for (let i = from + 1; i < lines.length; i++) {
      const next = lines[i] ?? ''
      if (next.trim() === '') continue
      const closes = indentOf(next) === indent && /^\s*[)}\]]/.test(next)
      if (indentOf(next) <= indent && !closes) break
      to = i
      // A closing line that opens again is the end of the parameters.
      if (closes && !/[{(]$|=>$/.test(next)) break
    }
    return [{ from, to }]
  })
}
