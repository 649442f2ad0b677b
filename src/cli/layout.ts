/** How wide a text may get, and what long names may be called where it gets wider. */
export interface Layout {
  /** Characters of a line. */
  readonly width: number
  /** A text with its keys, PeerIDs and hashes shortened. */
  readonly short: (text: string) => string
}

/** Everything whole, on lines as long as they come. */
export const WIDE: Layout = { width: Number.POSITIVE_INFINITY, short: (text) => text }

/** A terminal of 100 columns shows it without breaking lines by itself. */
const NARROW_WIDTH = 100
/** Of a key or hash from its beginning, of a PeerID from its end: PeerIDs of secp256k1 keys all begin alike. */
const SHORT_CHARS = 8
const NAMES = /\b(?:16Uiu2HA[1-9A-HJ-NP-Za-km-z]{40,50}|[0-9a-f]{66}|[0-9a-f]{64})\b/g

/** At most 100 columns. No two names in the answer of a node get the same short form. */
export function narrowLayout(answer: unknown): Layout {
  const names = [...new Set((JSON.stringify(answer) ?? '').match(NAMES))]
  const forms = new Map([...shortForms(names.filter(isPeerId), fromEnd), ...shortForms(names.filter(isHex), fromStart)])
  return { width: NARROW_WIDTH, short: (text) => text.replace(NAMES, (name) => forms.get(name) ?? name) }
}

const isPeerId = (name: string): boolean => name.startsWith('16Uiu2HA')
const isHex = (name: string): boolean => !isPeerId(name)
const fromStart = (name: string, chars: number): string => `${name.slice(0, chars)}…`
const fromEnd = (name: string, chars: number): string => `…${name.slice(-chars)}`

/** All of one length, the least at which they differ. */
export function shortForms(
  names: readonly string[],
  cut: (name: string, chars: number) => string,
  least = SHORT_CHARS,
): Map<string, string> {
  for (let chars = least; ; chars += 2) {
    const forms = new Map(names.map((name) => [name, cut(name, chars)]))
    // Whole names differ, so this ends.
    if (new Set(forms.values()).size === names.length || names.every((name) => name.length <= chars)) return forms
  }
}

/** Lines within `width` (≤ the layout's): shortened if one is too long, broken at spaces if that is not enough. */
export function fitted(text: string, { short }: Layout, width: number): string {
  const fits = (line: string): boolean => line.length <= width
  if (text.split('\n').every(fits)) return text
  return short(text)
    .split('\n')
    .map((line) => (fits(line) ? line : wrapped(line, width)))
    .join('\n')
}

/** Where a broken line goes on, it is set in. */
const HANG = '  '

function wrapped(line: string, width: number): string {
  const indent = /^ */.exec(line)?.[0] ?? ''
  const lines: string[] = []
  let current = indent
  for (const word of line.slice(indent.length).split(' ')) {
    let rest = word
    if (current.trim() !== '' && current.length + 1 + rest.length > width) {
      lines.push(current)
      current = indent + HANG
    }
    // Nothing is lost of a word that is longer than a line.
    for (; current.length + rest.length > width; current = indent + HANG) {
      const room = Math.max(1, width - current.length)
      lines.push(current + rest.slice(0, room))
      rest = rest.slice(room)
    }
    current += current.trim() === '' ? rest : ` ${rest}`
  }
  return [...lines, current].map((l) => l.trimEnd()).join('\n')
}
