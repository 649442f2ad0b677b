import { once } from 'node:events'
import { chmod, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { asGroupKey, keepAliveClock, type PeerIdStr, type PublicKey, silentLogger } from '../../../src/base/index.ts'
import {
  createPolicy,
  readValidatorToken,
  requestBindings,
  type SignItem,
  type ThresholdRequest,
} from '../../../src/signer/index.ts'
import { codeThrownBy, tempFolders } from '../store/temp-folder.ts'
import { FakeSpace, itemOf, memberKeys, policyInit } from './fixtures.ts'

const tempFolder = tempFolders()
const BRIDGE = '16Uiu2HAbridge' as PeerIdStr
const [MEMBER, OTHER] = memberKeys(2) as [PublicKey, PublicKey]
const groupKey = asGroupKey('11'.repeat(32))
const ROOTED: SignItem = {
  digest: new Uint8Array(32).fill(2),
  tweak: { kind: 'key', merkleRoot: new Uint8Array(32).fill(3) },
}
const request = (fill = 1, requestId = 'aa'): ThresholdRequest => ({ requestId, groupKey, items: [itemOf(fill)] })

interface Question {
  readonly url: string | undefined
  readonly authorization: string | undefined
  readonly body: unknown
}
type Answer = (response: ServerResponse, question: Question, n: number) => void
const say =
  (answer: unknown, status = 200): Answer =>
  (response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
const APPROVE = say({ decision: 'approve' })
const LATER = say({ decision: 'later' })

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

/** A validator that listens, and answers as the test says. */
async function validator(answer: Answer) {
  const questions: Question[] = []
  const state = { answer }
  const server = createServer((incoming: IncomingMessage, response: ServerResponse) => {
    let text = ''
    incoming.on('data', (chunk: Buffer) => (text += chunk.toString()))
    incoming.on('end', () => {
      const { url, headers } = incoming
      const question = { url, authorization: headers.authorization, body: JSON.parse(text) as unknown }
      questions.push(question)
      state.answer(response, question, questions.length)
    })
  })
  servers.push(server.listen(0, '127.0.0.1'))
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/decide`, questions, state }
}

function policyAt(
  url: string,
  { timeoutMs = 2_000, token = undefined as string | undefined, space = new FakeSpace() } = {},
) {
  const bindings = requestBindings({ space, logger: silentLogger, onFatal: () => {} })
  const validator = { url, timeoutMs, token }
  const policy = createPolicy({ ...policyInit, kind: 'http', bindings, clock: keepAliveClock, validator })
  const stop = new AbortController()
  const ask = (asked = request(), withinMs = 10_000) =>
    policy.approve(asked, { client: BRIDGE, deadlineMs: Date.now() + withinMs, signal: stop.signal })
  return { policy, bindings, space, ask, stop }
}

describe('policy "http"', () => {
  it('should ask exactly what docs/POLICY.md says', async () => {
    const { url, questions } = await validator(APPROVE)
    const { ask } = policyAt(url, { token: 'secret-token' })
    const expiresAtMs = Date.now() + 60_000
    await ask({
      ...request(),
      items: [itemOf(1), ROOTED, { ...ROOTED, tweak: { kind: 'key', merkleRoot: null } }],
      expiresAtMs,
    })
    expect(questions).toEqual([
      {
        url: '/decide',
        authorization: 'Bearer secret-token',
        body: {
          version: 1,
          network: 'mainnet',
          request_id: 'aa',
          key: '11'.repeat(32),
          items: [
            { digest: '01'.repeat(32), tweak: { kind: 'none' } },
            { digest: '02'.repeat(32), tweak: { kind: 'key', merkle_root: '03'.repeat(32) } },
            { digest: '02'.repeat(32), tweak: { kind: 'key', merkle_root: null } },
          ],
          requested_by: { kind: 'bridge', id: BRIDGE },
          expires_at: expiresAtMs,
        },
      },
    ])
  })

  it('should bind what is approved for an own bridge, and not ask again', async () => {
    const { url, questions } = await validator(APPROVE)
    const { ask, policy, space } = policyAt(url)
    expect(await ask()).toMatchObject({ answer: 'yes' })
    expect(await policy.consent(request(), MEMBER)).toBe('yes')
    expect(await ask()).toMatchObject({ answer: 'yes' })
    const after = policyAt(url, { space })
    expect(await after.policy.consent(request(), MEMBER)).toBe('yes')
    expect(questions).toHaveLength(1)
  })

  it("should ask for a member's round too, and bind what is approved", async () => {
    const { url, questions } = await validator(APPROVE)
    const { policy, space } = policyAt(url)
    expect(await policy.consent(request(), MEMBER)).toBe('yes')
    expect(space.values.size).toBe(1)
    expect(questions[0]).toMatchObject({ body: { requested_by: { kind: 'member', id: MEMBER }, expires_at: null } })
    expect(await policy.consent(request(2), MEMBER)).toBe('refused')
    expect(questions).toHaveLength(1)
  })

  it('should bind one of two that are approved at once under one id', async () => {
    const { url } = await validator(APPROVE)
    const { policy, ask } = policyAt(url)
    const [consent, approval] = await Promise.all([policy.consent(request(1), MEMBER), ask(request(2))])
    expect([consent, approval.answer].toSorted()).toEqual(
      consent === 'yes' ? ['equivocation', 'yes'] : ['refused', 'yes'],
    )
  })

  it('should consent to one of two that are approved at once for two coordinators', async () => {
    const { url } = await validator(APPROVE)
    const { policy } = policyAt(url)
    const said = await Promise.all([policy.consent(request(1), MEMBER), policy.consent(request(2), OTHER)])
    expect(said.toSorted()).toEqual(['refused', 'yes'])
  })

  it('should refuse what is refused, say why to its own operator, and not ask again for members', async () => {
    const { url, questions } = await validator(
      say({ decision: 'refuse', reason: `no such\nwithdrawal — ${'x'.repeat(500)}` }),
    )
    const { policy, ask, space } = policyAt(url)
    expect(await policy.consent(request(), MEMBER)).toBe('refused')
    expect(await policy.consent(request(), OTHER)).toBe('refused')
    expect(questions).toHaveLength(1)
    expect(await ask()).toEqual({ answer: 'refused' })
    expect(questions).toHaveLength(2)
    expect(space.puts).toEqual([])
    const [{ detail, reason } = { detail: '', reason: '' }] = policy.decisions().refused
    expect(reason).toBe('validator')
    expect(detail).toMatch(/^no such\?withdrawal \? x+$/)
    expect(detail).toHaveLength(200)
  })

  it('should ask again, within the time of its bridge, until the answer is clear', async () => {
    const { url, questions } = await validator((response, question, n) =>
      n === 1 ? LATER(response, question, n) : n === 2 ? response.destroy() : APPROVE(response, question, n),
    )
    const { ask } = policyAt(url)
    expect(await ask()).toMatchObject({ answer: 'yes' })
    expect(questions).toHaveLength(3)
  })

  it('should ask for a member once, and not again at once when it was put off', async () => {
    const { url, questions } = await validator(LATER)
    const { policy } = policyAt(url)
    expect(await policy.consent(request(), MEMBER)).toBe('not_asked_yet')
    expect(await policy.consent(request(), OTHER)).toBe('not_asked_yet')
    expect(questions).toHaveLength(1)
  })

  it('should put one question for all who ask the same at once', async () => {
    const held: (() => void)[] = []
    const { url, questions } = await validator((response, question, n) =>
      held.push(() => APPROVE(response, question, n)),
    )
    const { policy, ask } = policyAt(url)
    const asked = [ask(), ask(), policy.consent(request(), MEMBER), policy.consent(request(), OTHER)]
    await expect.poll(() => held.length, { timeout: 5_000 }).toBe(1)
    for (const go of held) go()
    const said = (await Promise.all(asked)).map((a) => (typeof a === 'string' ? a : a.answer))
    expect(said).toEqual(['yes', 'yes', 'yes', 'yes'])
    expect(questions).toHaveLength(1)
  })
})

describe('policy "http" never takes for consent', () => {
  const raw =
    (text: string | Buffer, status = 200, headers = {}): Answer =>
    (response) =>
      response.writeHead(status, headers).end(text)
  it.each<[string, Answer, string]>([
    ['Later', LATER, 'validator_later'],
    ['Status201', say({ decision: 'approve' }, 201), 'validator_status'],
    ['Status403', say({ decision: 'approve' }, 403), 'validator_status'],
    ['Status500', say({ decision: 'approve' }, 500), 'validator_status'],
    ['Redirect', raw('{"decision":"approve"}', 307, { location: '/elsewhere' }), 'validator_status'],
    ['AnotherWord', say({ decision: 'approved' }), 'validator_malformed'],
    ['AnotherType', say({ decision: true }), 'validator_malformed'],
    ['AList', say([{ decision: 'approve' }]), 'validator_malformed'],
    ['AText', say('approve'), 'validator_malformed'],
    ['Null', say(null), 'validator_malformed'],
    ['Nothing', raw(''), 'validator_malformed'],
    ['NoJson', raw('<html>approve</html>'), 'validator_malformed'],
    ['NoUtf8', raw(Buffer.from([0x7b, 0xff, 0x7d])), 'validator_malformed'],
    ['TooMuch', raw(`{"decision":"approve","pad":"${'x'.repeat(17_000)}"}`), 'validator_malformed'],
    ['ACutConnection', (response) => void response.destroy(), 'validator_unreachable'],
    [
      'ACutBody',
      (response) => {
        response.writeHead(200, { 'content-length': '100' }).write('{"decision":"approve"}')
        setImmediate(() => response.destroy())
      },
      'validator_unreachable',
    ],
  ])('%s', async (_, answer, reason) => {
    const { url, questions } = await validator(answer)
    const { policy, space, ask } = policyAt(url)
    expect(await policy.consent(request(), MEMBER)).toBe('not_asked_yet')
    expect(policy.decisions().waiting).toMatchObject([{ reason }])
    expect(await ask(request(2, 'bb'), 1)).toEqual({ answer: 'not_asked_yet' })
    expect(space.puts).toEqual([])
    expect(questions.every(({ url }) => url === '/decide')).toBe(true)
  })

  it('silence', async () => {
    const { url } = await validator(() => {})
    const { policy } = policyAt(url, { timeoutMs: 50 })
    expect(await policy.consent(request(), MEMBER)).toBe('not_asked_yet')
    expect(policy.decisions().waiting).toMatchObject([{ reason: 'validator_timeout' }])
  })
  it('an answer that trickles', async () => {
    const { url } = await validator((response) => void response.writeHead(200).write(' '))
    const { policy } = policyAt(url, { timeoutMs: 100 })
    expect(await policy.consent(request(), MEMBER)).toBe('not_asked_yet')
    expect(policy.decisions().waiting).toMatchObject([{ reason: 'validator_timeout' }])
  })
  it('nobody at that address', async () => {
    const { url } = await validator(APPROVE)
    servers[0]?.close()
    const { policy } = policyAt(url)
    expect(await policy.consent(request(), MEMBER)).toBe('not_asked_yet')
    expect(policy.decisions().waiting).toMatchObject([{ reason: 'validator_unreachable' }])
  })
  it('a yes that comes after its bridge left, nor waits for it', async () => {
    const { url } = await validator(() => {})
    const { ask, space } = policyAt(url, { timeoutMs: 10_000 })
    expect(await ask(request(), 100)).toEqual({ answer: 'not_asked_yet' })
    expect(space.puts).toEqual([])
  })
  it('anything while the node stops', async () => {
    const reached = Promise.withResolvers<void>()
    const { url } = await validator(() => reached.resolve())
    const { ask, stop, policy } = policyAt(url, { timeoutMs: 10_000 })
    const [asked, consent] = [ask(), policy.consent(request(2), MEMBER)]
    await reached.promise
    stop.abort()
    policy.stop()
    expect(await asked).toEqual({ answer: 'not_asked_yet' })
    expect(await consent).toBe('not_asked_yet')
  })
  it('a request of wrong shape, which it is not asked about', async () => {
    const { url, questions } = await validator(APPROVE)
    const { policy } = policyAt(url)
    expect(await policy.consent({ ...request(), items: [] }, MEMBER)).toBe('refused')
    expect(await policy.consent({ ...request(), expiresAtMs: Date.now() - 1 }, MEMBER)).toBe('refused')
    expect(questions).toEqual([])
  })
})

describe("the validator's token", () => {
  const fileOf = async (text: string, mode = 0o600) => {
    const file = join(tempFolder(), 'token')
    await writeFile(file, text)
    await chmod(file, mode)
    return file
  }
  it('should be the one line of its file', async () => {
    expect(await readValidatorToken(await fileOf('abc.def-123\n'))).toBe('abc.def-123')
  })
  it.each([
    ['Empty', '\n'],
    ['TwoLines', 'abc\ndef\n'],
    ['Spaces', 'abc def'],
    ['NotPrintable', 'abc\u0001'],
  ])('should be refused: %s', async (_, text) => {
    expect(await codeThrownBy(readValidatorToken(await fileOf(text)))).toBe('POLICY_TOKEN_FILE')
  })
  it('should be refused in a file that others can read, and in none', async () => {
    expect(await codeThrownBy(readValidatorToken(await fileOf('abc', 0o644)))).toBe('FILE_TOO_OPEN')
    expect(await codeThrownBy(readValidatorToken(join(tempFolder(), 'none')))).toBe('POLICY_TOKEN_MISSING')
  })
  it('should stand in no error', async () => {
    const read = readValidatorToken(await fileOf('very secret\nthing'))
    await expect(read).rejects.toThrow(expect.objectContaining({ message: expect.not.stringContaining('very') }))
  })
})

it('policy "http" should not be made without a validator', () => {
  const bindings = requestBindings({ space: new FakeSpace(), logger: silentLogger, onFatal: () => {} })
  const make = () => createPolicy({ ...policyInit, kind: 'http', bindings, clock: keepAliveClock })
  expect(make).toThrow(expect.objectContaining({ code: 'POLICY_FORBIDDEN' }))
})
