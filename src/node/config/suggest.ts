/** Number of slips of the finger between two words: a letter more, less or other, or two neighbours swapped. */
function distance(a: string, b: string): number {
  let [twoUp, up]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, i) => i)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const [left = 0, above = 0, diagonal = 0] = [row[j - 1], up[j], up[j - 1]]
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (twoUp[j - 2] ?? a.length) : a.length + b.length
      row.push(Math.min(left + 1, above + 1, diagonal + (a[i - 1] === b[j - 1] ? 0 : 1), swapped + 1))
    }
    ;[twoUp, up] = [up, row]
  }
  return up[b.length] ?? 0
}

/** The known word that was probably meant: at most a third of its letters wrong. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const plain = word.toLowerCase().replaceAll('-', '_')
  let best: { readonly word: string; readonly edits: number } | undefined
  for (const candidate of known) {
    const edits = distance(plain, candidate)
    if (edits <= Math.ceil(candidate.length / 3) && edits < (best?.edits ?? Number.POSITIVE_INFINITY))
      best = { word: candidate, edits }
  }
  return best?.word
}
