import { type LogFields, type Logger, silentLogger } from '../../src/base/index.ts'

/** Machines name what they are about to do at level debug: `Keygen step`, `Rotation step`. */
const STEPS: Readonly<Record<string, string>> = { 'Keygen step': 'step', 'Rotation step': 'action' }

/** Keeps what a node logs as an error: in a simulation nothing may, whatever the network does. Hears each step before it is taken. */
export function complaintsTo(
  onError: (line: string) => void,
  onStep: (step: string) => void,
  component = 'node',
): Logger {
  return {
    ...silentLogger,
    debug: (message: string, fields: LogFields = {}) => {
      const field = STEPS[message]
      if (field !== undefined) onStep(String(fields[field]))
    },
    error: (message: string, fields: LogFields = {}) => onError(`${component}: ${message} ${JSON.stringify(fields)}`),
    child: (name) => complaintsTo(onError, onStep, name),
  }
}
