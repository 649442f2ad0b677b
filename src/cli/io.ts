import { createInterface } from 'node:readline/promises'
import { CodedError } from '../base/index.ts'
import { textOf } from './read-input.ts'

export interface Sink {
  write(text: string): void
}

/** What a command may touch of the process: tests hand in their own. */
export interface Io {
  /** Results, and nothing else. */
  readonly stdout: Sink
  /** Errors and logs. */
  readonly stderr: Sink
  /** Asks the person at the terminal; undefined where there is none. */
  readonly ask: ((question: string) => Promise<string>) | undefined
  /** All of stdin as text. Throws `USAGE` beyond `maxBytes`, or if it is not UTF-8. */
  readonly readStdin: (maxBytes: number) => Promise<string>
  /** Aborts when the process is told to stop; for commands that run until then. */
  readonly stopSignal: () => AbortSignal
  /** Ends the process with this code if it has not ended by itself soon: for a stop that nobody asked for. */
  readonly exitAtLatest: (code: number) => void
  /** Calls the listener at each SIGHUP, which then no longer ends the process; returns what removes it. */
  readonly onHangup: (listener: () => void) => () => void
}

export function processIo(): Io {
  const interactive = process.stdin.isTTY === true && process.stdout.isTTY === true
  // `countersign status | head` closes the pipe early; that is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
  return {
    stdout: { write: (text) => void process.stdout.write(text) },
    stderr: { write: (text) => void process.stderr.write(text) },
    ask: interactive ? ask : undefined,
    readStdin,
    stopSignal,
    exitAtLatest,
    onHangup,
  }
}

function exitAtLatest(code: number): void {
  setTimeout(() => process.exit(code), STOP_GRACE_MS).unref()
}

function onHangup(listener: () => void): () => void {
  process.on('SIGHUP', listener)
  return () => process.off('SIGHUP', listener)
}

async function readStdin(maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of process.stdin) {
    const bytes = Buffer.from(chunk)
    length += bytes.length
    if (length > maxBytes) throw new CodedError('USAGE', `stdin holds more than ${maxBytes} bytes`)
    chunks.push(bytes)
  }
  return textOf(Buffer.concat(chunks), 'stdin')
}

async function ask(question: string): Promise<string> {
  const prompt = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return await prompt.question(question)
  } finally {
    prompt.close()
  }
}

/** A stop that hangs must not leave a process that a service manager believes gone. */
const STOP_GRACE_MS = 20_000

/** SIGINT and SIGTERM stop gracefully, the second one at once; so does the end of a parent that holds an IPC channel. */
function stopSignal(): AbortSignal {
  const controller = new AbortController()
  const stop = () => {
    if (controller.signal.aborted) process.exit(1)
    controller.abort()
    exitAtLatest(1)
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  if (process.connected) {
    process.once('disconnect', stop)
    // Listening must not keep the process alive once everything else has ended.
    process.channel?.unref()
  }
  return controller.signal
}
