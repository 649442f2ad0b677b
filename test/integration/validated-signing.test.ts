import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { schnorr } from '@noble/curves/secp256k1.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toHex } from '../../src/base/index.ts'
import { randomBytes } from '../../src/curve/index.ts'
import { tempFolders } from '../unit/store/temp-folder.ts'
import { allHoldTheKey, type Federation, federation, type TestNode } from './fixtures/nodes.ts'

const tempFolder = tempFolders()
/** A federation whose members ask one validator each; here it is the same for all. */
let fed: Federation
let node: TestNode
interface Question {
  readonly request_id: string
  readonly requested_by: { readonly kind: string; readonly id: string }
}
const questions: Question[] = []
const tokens = new Set<string | undefined>()
let decide: (question: Question) => unknown
let status = 200
const server = createServer((incoming, response) => {
  let text = ''
  incoming.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  incoming.on('end', () => {
    const question = JSON.parse(text) as Question
    questions.push(question)
    tokens.add(incoming.headers.authorization)
    response.writeHead(status).end(JSON.stringify(decide(question)))
  })
})
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/decide`
  const tokenFile = join(tempFolder(), 'token')
  await writeFile(tokenFile, 'a-token\n', { mode: 0o600 })
  fed = await federation({
    signers: 3,
    threshold: 2,
    override: (config) => ({
      ...config,
      signing: { ...config.signing, policy: 'http', validator: { url, timeoutMs: 2_000, tokenFile } },
    }),
  })
  ;[node] = fed.nodes as [TestNode]
  await allHoldTheKey(fed)
})
afterAll(async () => {
  await fed?.stop()
  server.closeAllConnections()
  server.close()
})

describe('policy "http" in running nodes', () => {
  it('should sign what one bridge asked for and the validators approve, each asked by its own node', async () => {
    decide = () => ({ decision: 'approve' })
    const client = await node.client()
    const digest = randomBytes(32)
    const key = (await client.threshold.publicKey()).publicKey
    const { signature } = await client.threshold.sign({ requestId: 'one', digest })
    expect(schnorr.verify(signature, digest, key)).toBe(true)
    const asked = questions.filter((q) => q.request_id === toHex(Buffer.from('one')))
    expect(asked.map((q) => q.requested_by.kind)).toEqual(expect.arrayContaining(['bridge', 'member']))
    expect(asked.length).toBeLessThanOrEqual(3)
    expect([...tokens]).toEqual(['Bearer a-token'])
    await client.close()
  })

  it('should refuse what the validator refuses, and tell only its own operator why', async () => {
    decide = () => ({ decision: 'refuse', reason: 'no such withdrawal' })
    const client = await node.client()
    const refused = await client.threshold.sign({ requestId: 'two', digest: randomBytes(32) }).catch((e: unknown) => e)
    expect(refused).toMatchObject({ code: 'REFUSED' })
    expect(JSON.stringify(refused)).not.toContain('withdrawal')
    expect(node.status().policy).toMatchObject({
      kind: 'http',
      refused: [{ requestId: toHex(Buffer.from('two')), reason: 'validator', detail: 'no such withdrawal' }],
    })
    await client.close()
  })

  it('should say of a validator that fails that it is this node that does not approve, and no signer', async () => {
    status = 500
    const client = await node.client()
    const asked = client.threshold.sign({ requestId: 'down', digest: randomBytes(32), timeoutMs: 2_000 })
    const failed = await asked.catch((e: unknown) => e)
    expect(failed).toMatchObject({ code: 'NOT_APPROVED', details: { missing: [] } })
    expect(node.status().policy.validator).toMatchObject({ reason: 'validator_status', detail: 'status 500' })
    const reason = () => node.status().health.checks.find(({ name }) => name === 'validator')?.reason
    await expect.poll(reason, { timeout: 20_000 }).toMatch(/status 500/)
    status = 200
    decide = () => ({ decision: 'approve' })
    await client.threshold.sign({ requestId: 'down', digest: randomBytes(32), timeoutMs: 20_000 })
    await expect.poll(reason, { timeout: 20_000 }).toBeUndefined()
    await client.close()
  })

  it('should make no signature where only the asked node is approved: the others decide for themselves', async () => {
    decide = ({ requested_by }) => ({ decision: requested_by.kind === 'bridge' ? 'approve' : 'refuse' })
    const client = await node.client()
    const asked = client.threshold.sign({ requestId: 'three', digest: randomBytes(32), timeoutMs: 5_000 })
    await expect(asked).rejects.toMatchObject({ code: expect.stringMatching(/^(REFUSED|TIMEOUT|DEADLINE)$/) })
    await client.close()
  })
})
