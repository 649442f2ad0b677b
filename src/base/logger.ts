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
      const head = { time: new Date(now()).toISOString(), level, component, message }
      // First for the order of a line's fields, last so that no field can pass for one of them.
      init.write(stringify(Object.assign({ ...head }, fields, head)))
    }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (name) => jsonLogger(init, name),
  }
}

function stringify(line: LogFields): string {
  try {
    return JSON.stringify(line, render)
  } catch (error) {
    // A cyclic field: logging must never be what fails.
    const { time, level, component, message } = line
    return JSON.stringify({ time, level, component, message, unrenderable: String(error).split('\n')[0] })
  }
}

/** `this` is the object that holds the value: a Buffer is seen there as it is, before its own `toJSON` has spelt it out. */
function render(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  const held = this[key]
  if (held instanceof Uint8Array) return `[${held.length} bytes]`
  if (value instanceof Error) return `${value.name}: ${value.message}`
  if (typeof value === 'bigint') return value.toString()
  return value
}
