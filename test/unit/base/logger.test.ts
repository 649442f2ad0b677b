import { describe, expect, it } from 'vitest'
import { CodedError, jsonLogger, LOG_LEVELS, type LogLevel, silentLogger } from '../../../src/base/index.ts'

function logAt(level: LogLevel) {
  const lines: string[] = []
  const logger = jsonLogger({ level, write: (line) => lines.push(line), now: () => 0 })
  return { logger, lines, last: (): unknown => JSON.parse(lines.at(-1) ?? '') }
}
const SECRET = Uint8Array.of(222, 173, 190, 239)

describe('jsonLogger', () => {
  it('should write one JSON object per line', () => {
    const { logger, lines, last } = logAt('info')
    logger.info('Started', { height: 7, text: 'two\nlines' })
    expect(lines[0]).not.toContain('\n')
    expect(last()).toEqual({
      time: '1970-01-01T00:00:00.000Z',
      level: 'info',
      component: 'node',
      message: 'Started',
      height: 7,
      text: 'two\nlines',
    })
  })

  it.each(LOG_LEVELS)('should write %s and above, and nothing below', (level) => {
    const { logger, lines } = logAt(level)
    for (const each of LOG_LEVELS) logger[each](each)
    expect(lines.map((l) => (JSON.parse(l) as { level: string }).level)).toEqual(
      LOG_LEVELS.slice(LOG_LEVELS.indexOf(level)),
    )
  })

  it('should name the component, and keep the level', () => {
    const { logger, lines, last } = logAt('warn')
    logger.child('gate').info('hidden')
    expect(lines).toEqual([])
    logger.child('gate').warn('Denied')
    expect(last()).toMatchObject({ component: 'gate', message: 'Denied' })
  })

  it('should not render bytes, however deep they lie', () => {
    const { logger, last } = logAt('info')
    logger.info('x', { secret: SECRET, inner: { list: [SECRET] } })
    expect(last()).toMatchObject({ secret: '[4 bytes]', inner: { list: ['[4 bytes]'] } })
  })

  it("should not render a Buffer's bytes", () => {
    const { logger, lines, last } = logAt('info')
    logger.info('x', { secret: Buffer.from(SECRET) })
    expect(lines[0]).not.toMatch(/222|173|dead/)
    expect(last()).toMatchObject({ secret: '[4 bytes]' })
  })

  it('should render an error as its name and message, without its data, stack and cause', () => {
    const { logger, lines, last } = logAt('info')
    const error = new CodedError('X', 'text', { inner: 'hidden' }, { cause: new Error('hidden') })
    logger.info('x', { error })
    expect(last()).toMatchObject({ error: 'CodedError: text' })
    expect(lines[0]).not.toContain('hidden')
  })

  it('should write a bigint as its digits', () => {
    const { logger, last } = logAt('info')
    logger.info('x', { fee: 2n ** 64n })
    expect(last()).toMatchObject({ fee: '18446744073709551616' })
  })
})

describe('silentLogger', () => {
  it('should be its own child', () => {
    expect(silentLogger.child('any')).toBe(silentLogger)
  })
})
