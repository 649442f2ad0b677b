import { ClarityType, type ClarityValue } from '@stacks/transactions'

const NAME = /^[a-zA-Z][a-zA-Z0-9-_!?+<>=/*]{0,127}$/
const CONTRACT = /^[0-9A-Z]{28,41}(\.[a-zA-Z][a-zA-Z0-9-_]{0,127})?$/

/**
 * A value as Clarity source. Needed because a read at an older block is only possible inside an expression (`at-block`).
 * Whatever could end the literal and begin something else is refused: the values come from whoever calls.
 */
export function clarityLiteral(value: ClarityValue): string {
  switch (value.type) {
    case ClarityType.BoolTrue:
      return 'true'
    case ClarityType.BoolFalse:
      return 'false'
    case ClarityType.Int:
      return String(BigInt(value.value))
    case ClarityType.UInt:
      return `u${BigInt(value.value)}`
    case ClarityType.Buffer:
      return `0x${checked(value.value, /^[0-9a-f]*$/)}`
    case ClarityType.PrincipalStandard:
    case ClarityType.PrincipalContract:
      return `'${checked(value.value, CONTRACT)}`
    case ClarityType.OptionalNone:
      return 'none'
    case ClarityType.OptionalSome:
      return `(some ${clarityLiteral(value.value)})`
    case ClarityType.ResponseOk:
      return `(ok ${clarityLiteral(value.value)})`
    case ClarityType.ResponseErr:
      return `(err ${clarityLiteral(value.value)})`
    case ClarityType.List:
      return `(list ${value.value.map(clarityLiteral).join(' ')})`
    case ClarityType.Tuple: {
      const fields = Object.entries(value.value)
      return `{ ${fields.map(([k, v]) => `${checked(k, NAME)}: ${clarityLiteral(v)}`).join(', ')} }`
    }
    case ClarityType.StringASCII:
      return `"${checked(value.value, /^[ !#-[\]-~]*$/)}"`
    case ClarityType.StringUTF8:
      return `u"${[...value.value].map(utf8Char).join('')}"`
  }
}

/** Clarity's own escape, for everything but letters and digits. */
const utf8Char = (c: string): string => (/[a-zA-Z0-9 ]/.test(c) ? c : `\\u{${c.codePointAt(0)?.toString(16) ?? '0'}}`)

function checked(text: string, form: RegExp): string {
  if (!form.test(text)) throw new TypeError('value can not be written as a Clarity literal')
  return text
}
