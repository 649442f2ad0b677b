import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import {
  asGroupKey,
  keepAliveClock,
  type LogFields,
  type Logger,
  type PeerIdStr,
  type PublicKey,
  silentLogger,
} from '../../../src/base/index.ts'
import { createPolicy, requestBindings, type ThresholdRequest } from '../../../src/signer/index.ts'
import { ValidatorWatch } from '../../../src/signer/policy/validator-watch.ts'
import { FakeClock, FakeSpace, itemOf, memberKeys, policyInit } from './fixtures.ts'

const BRIDGE = '16Uiu2HAbridge' as PeerIdStr
const [MEMBER] = memberKeys(1) as [PublicKey]
const SECRET = 'in-the-body-or-the-url'
const requests = (n: number): ThresholdRequest => ({
  requestId: n.toString(16).padStart(4, '0'),
  groupKey: asGroupKey('11'.repeat(32)),
  items: [itemOf(n)],
})

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

type Answer = (response: ServerResponse) => void
const APPROVE: Answer = (response) => response.writeHead(200).end('{"decision":"approve"}')

/** What an operator's log at `info` holds. */
function logged() {
  const lines: { readonly level: string; readonly message: string; readonly fields: LogFields }[] = []
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}) =>
      void lines.push({ level, message, fields })
  const logger: Logger = {
    ...silentLogger,
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  }
  return { logger, lines }
}

/** Policy `http` against a validator that really listens, and answers as the test says. */
async function asking(first: Answer, timeoutMs = 2_000) {
  const state = { answer: first }
  const server = createServer((incoming, response) => incoming.resume().on('end', () => state.answer(response)))
  servers.push(server.listen(0, '127.0.0.1'))
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${SECRET}`
  const { logger, lines } = logged()
  const bindings = requestBindings({ space: new FakeSpace(), logger: silentLogger, onFatal: () => {} })
  const validator = { url, timeoutMs, token: undefined }
  const policy = createPolicy({ ...policyInit, kind: 'http', bindings, clock: keepAliveClock, logger, validator })
  let asked = 0
  const ask = () => policy.consent(requests(++asked), MEMBER)
  return { policy, state, lines, ask, server }
}

const body = `<html>${SECRET}</html>`
const status =
  (code: number, headers = {}): Answer =>
  (response) =>
    response.writeHead(code, headers).end(body)

describe('a validator that fails', () => {
  it.each<[string, Answer, string, string]>([
    ['Status500', status(500), 'validator_status', 'status 500'],
    ['Status401', status(401), 'validator_status', 'status 401'],
    ['Status201', status(201), 'validator_status', 'status 201'],
    ['Redirect302', status(302, { location: `/${SECRET}` }), 'validator_status', 'status 302'],
    ['NoJson', status(200), 'validator_malformed', 'no JSON object'],
    ['AnotherWord', (r) => r.end(`{"decision":"${SECRET}"}`), 'validator_malformed', 'no decision of docs/POLICY.md'],
    ['TooMuch', (r) => r.end('x'.repeat(20_000)), 'validator_malformed', 'more than 16 KiB'],
    ['ACutConnection', (r) => void r.destroy(), 'validator_unreachable', 'UND_ERR_SOCKET'],
    ['Silence', () => {}, 'validator_timeout', 'no whole answer within 100 ms'],
  ])(
    'should be told of once, with what is wrong and nothing of what it said: %s',
    async (_, answer, reason, detail) => {
      const { policy, ask, lines } = await asking(answer, reason === 'validator_timeout' ? 100 : 20_000)
      for (let n = 0; n < 3; n++) expect(await ask()).toBe('not_asked_yet')
      expect(policy.validatorTrouble()).toMatchObject({ reason, detail, times: 3 })
      expect(policy.decisions().waiting).toMatchObject([{}, {}, {}].map(() => ({ reason, detail })))
      expect(lines).toMatchObject([{ level: 'warn', fields: { reason, detail } }])
      expect(JSON.stringify([policy.validatorTrouble(), policy.decisions(), lines])).not.toContain(SECRET)
    },
  )

  it('should be named by the code of the error where nobody listens', async () => {
    const { policy, ask, server, lines } = await asking(APPROVE)
    await new Promise((resolve) => server.close(resolve))
    await ask()
    expect(policy.validatorTrouble()).toMatchObject({ reason: 'validator_unreachable', detail: 'ECONNREFUSED' })
    expect(lines).toHaveLength(1)
  })

  it('should be told of once more when it answers again, and no more after that', async () => {
    const { policy, ask, state, lines } = await asking(status(500))
    await ask()
    await ask()
    state.answer = APPROVE
    expect(await ask()).toBe('yes')
    expect(await ask()).toBe('yes')
    expect(policy.validatorTrouble()).toBeUndefined()
    expect(lines.map(({ level, fields }) => [level, fields.times])).toEqual([
      ['warn', undefined],
      ['info', 2],
    ])
  })

  it.each<[string, string]>([
    ['Refuse', '{"decision":"refuse","reason":"no"}'],
    ['Later', '{"decision":"later"}'],
  ])('is none that gives a clear word: %s', async (_, text) => {
    const { policy, ask, lines } = await asking((response) => response.end(text))
    await ask()
    expect(policy.validatorTrouble()).toBeUndefined()
    expect(lines.filter(({ message }) => message.includes('validator'))).toEqual([])
  })

  it('is none whose question this node gave up, because it stops', async () => {
    const reached = Promise.withResolvers<void>()
    const { policy, ask, lines } = await asking(() => reached.resolve(), 10_000)
    const asked = ask()
    await reached.promise
    policy.stop()
    expect(await asked).toBe('not_asked_yet')
    expect([policy.validatorTrouble(), lines]).toEqual([undefined, []])
  })

  it('is seen by an own bridge, too, and through the same watch', async () => {
    const { policy, lines } = await asking(status(503))
    const signal = new AbortController().signal
    const approval = await policy.approve(requests(1), { client: BRIDGE, deadlineMs: Date.now() + 300, signal })
    expect(approval).toEqual({ answer: 'not_asked_yet' })
    expect(policy.validatorTrouble()).toMatchObject({ detail: 'status 503' })
    expect(lines).toHaveLength(1)
  })
})

it('a validator that fails every other time should not fill the log, and the state is right all the same', () => {
  const clock = new FakeClock()
  const { logger, lines } = logged()
  const watch = new ValidatorWatch({ clock, logger })
  for (let n = 0; n < 100; n++) {
    watch.heard({ decision: 'later', reason: 'validator_status', detail: 'status 502' })
    expect(watch.trouble).toMatchObject({ times: 1, sinceMs: clock.now() })
    watch.heard({ decision: 'approve', reason: 'validator' })
    expect(watch.trouble).toBeUndefined()
  }
  expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(10)
  expect(lines).toHaveLength(20)
})
