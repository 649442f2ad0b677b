/** Fields of a log line: public values only. Never peer-supplied text at `info` or above, never secrets. */
export type LogFields = Readonly<Record<string, unknown>>

/** The message is a constant; what varies stands in the fields. */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** A logger that names its component. */
  child(component: string): Logger
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
}

export interface JsonLoggerInit {
  readonly level: LogLevel
  /** Takes one line without its newline. */
  readonly write: (line: string) => void
  readonly now?: () => number
}

/** JSON lines: `{"time","level","component","message",…fields}`. Byte arrays are never rendered. */
export function jsonLogger(init: JsonLoggerInit, component = 'node'): Logger {
  const least = LOG_LEVELS.indexOf(init.level)
  const now = init.now ?? Date.now
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (LOG_LEVELS.indexOf(level) < least) return
      const time = new Date(now()).toISOString()
      init.write(JSON.stringify({ time, level, component, message, ...fields }, render))
    }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (name) => jsonLogger(init, name),
  }
}

function render(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return `[${value.length} bytes]`
  if (value instanceof Error) return `${value.name}: ${value.message}`
  if (typeof value === 'bigint') return value.toString()
  return value
}
