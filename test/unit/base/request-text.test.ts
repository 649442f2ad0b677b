import { expect, it } from 'vitest'
import { requestText } from '../../../src/base/index.ts'

const hexOf = (text: string) => Buffer.from(text, 'latin1').toString('hex')

it.each(['ap-1', 'withdrawal 17', '0102', '~', 'x'.repeat(64)])('should show %s as its bridge spelt it', (text) => {
  expect(requestText(hexOf(text))).toBe(text)
})

it.each(['a\nb', '\u001b[31m', 'a\u007f', 'caf\u00e9', ' a', 'a ', 'a  b', '\u0000'])(
  'should leave as hex what would drive a terminal or not be seen whole: %j',
  (text) => {
    expect(requestText(hexOf(text))).toBe(hexOf(text))
  },
)

it.each(['', 'zz', '616'])('should leave what is no hex as it is: %j', (id) => {
  expect(requestText(id)).toBe(id)
})
