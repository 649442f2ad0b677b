import type { Guard } from './guards.ts'

const THREADS = 'src/signer/s2/chain-threads.ts'
const threads = (name: string): Guard['test'] => ({
  project: 'unit',
  file: 'test/unit/signer/s2/chain-threads.test.ts',
  name,
})

/** Hash chains on threads: nobody gets a wrong one-time key, and nobody can fill the memory by asking. */
export const CHAIN_GUARDS: readonly Guard[] = [
  {
    name: 'hash chains: what a thread answers has the length of a key',
    file: 'src/signer/s2/chain-thread.ts',
    guard: `    if (!isAnswerToAll(items, answers)) throw failed('it answered something else')\n    return answers\n`,
    gone: `    return isAnswerToAll(items, answers) ? answers : (answers as readonly Uint8Array[])\n`,
    test: threads('its work done by another one'),
  },
  {
    name: 'hash chains: a remembered key is nobody’s to change',
    file: 'src/signer/s2/key-cache.ts',
    guard: 'return key.slice()',
    gone: 'return key',
    test: threads('the caller’s own'),
  },
  {
    name: 'hash chains: two requests for one key have two copies',
    file: THREADS,
    guard: '(await answer.made.promise).slice()',
    gone: 'await answer.made.promise',
    test: threads('asked for twice in one request'),
  },
  {
    name: 'hash chains: what is asked for can’t be changed while it waits',
    file: 'src/signer/s2/chain-work.ts',
    guard: 'txid: encoded.slice(0, 32)',
    gone: 'txid: place.txid',
    test: threads('that the caller may change'),
  },
  {
    name: 'hash chains: a name holds the length of the key',
    file: 'src/signer/s2/chain-work.ts',
    guard: 'String.fromCharCode(bits / 128, ...encoded)',
    gone: 'String.fromCharCode(1, ...encoded)',
    test: threads('at one place apart'),
  },
  {
    name: 'hash chains: a key signs messages of its own length alone',
    file: 'src/signer/s2/chain-work.ts',
    guard: 'if (message.length !== wotsSizes(bits).messageBytes)',
    gone: 'if (message.length > wotsSizes(bits).keyBytes)',
    test: threads('should sign no message'),
  },
  {
    name: 'hash chains: what waits is bounded',
    file: THREADS,
    guard: 'if (this.#waiting + count > (this.#init.maxWaiting ?? MAX_WAITING))',
    gone: 'if (count > (this.#init.maxWaiting ?? MAX_WAITING))',
    test: threads('too many keys are waited for'),
  },
  {
    name: 'hash chains: nothing of a cancelled request stays in the queue',
    file: THREADS,
    guard: `      leave()\n`,
    gone: `      void leave\n`,
    test: threads('however many are cancelled'),
  },
  {
    name: 'hash chains: nothing of a cancelled request stays to be made',
    file: THREADS,
    guard: `      for (const task of tasks) this.#release(task)\n`,
    gone: '',
    test: threads('however many are cancelled'),
  },
  {
    name: 'hash chains: what threads die of is tried twice',
    file: THREADS,
    guard: 'task.attempts >= MAX_ATTEMPTS',
    gone: 'task.attempts > MAX_ATTEMPTS',
    test: threads('should be tried twice'),
  },
  {
    name: 'hash chains: a thread that is given up is stopped',
    file: THREADS,
    guard: `      this.#drop(thread)\n      this.#forget`,
    gone: `      this.#forget`,
    test: threads('hang no more'),
  },
  {
    name: 'hash chains: no thread is begun once they are stopped',
    file: THREADS,
    guard: `    if (this.#stopping !== undefined) return undefined\n`,
    gone: '',
    test: threads('their end that stops them'),
  },
  {
    name: 'hash chains: idle threads keep no process alive',
    file: 'src/signer/s2/chain-thread.ts',
    guard: `    this.#worker.unref()\n`,
    gone: '',
    test: threads('when it has nothing else to do'),
  },
  {
    name: 'hash chains: the material is wiped at the end',
    file: THREADS,
    guard: `      new Uint8Array(this.#material).fill(0)\n`,
    gone: '',
    test: threads('nothing of the material'),
  },
]
