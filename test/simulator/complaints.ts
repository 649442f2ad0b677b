import { type LogFields, type Logger, silentLogger } from '../../src/base/index.ts'

/** Keeps what a node logs as an error: in a simulation nothing may, whatever the network does. */
export function complaintsTo(onError: (line: string) => void, component = 'node'): Logger {
  return {
    ...silentLogger,
    error: (message: string, fields: LogFields = {}) => onError(`${component}: ${message} ${JSON.stringify(fields)}`),
    child: (name) => complaintsTo(onError, name),
  }
}
