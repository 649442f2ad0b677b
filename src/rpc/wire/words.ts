import { type Rule, rule } from './rules.ts'

/** An enum of the .proto with the words that it has in JSON and in the signer room. */
export interface Words<E extends number, W extends string> extends Rule<E> {
  /** Throws RangeError on what the rule does not hold for. */
  word(value: E): W
  value(word: W): E
}

/** `values` is total by its type: a word added to the signer room without a number on the wire does not build. */
export function words<W extends string, E extends number>(values: Readonly<Record<W, E>>): Words<E, W> {
  const isWord = (text: string): text is W => Object.hasOwn(values, text)
  const list = Object.keys(values).filter(isWord)
  const byNumber = new Map<number, W>(list.map((word) => [values[word], word]))
  return {
    ...rule<E>(list.join(' or '), 1, (value) => byNumber.has(value)),
    word(value) {
      const word = byNumber.get(value)
      if (word === undefined) throw new RangeError('a number that no word of the enum has')
      return word
    },
    value: (word) => values[word],
  }
}
