import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { jsonAnswer } from '../../../src/base/index.ts'
import { CORRUPTIONS, type Corruption, type EmbeddedChain } from '../../../src/devnet/chain/index.ts'
import { BOOTSTRAP_SET, callRead, getJson, keysAt, NEXT_SET, post, rotationTx, testChain } from './chain-support.ts'

const CALL = 'get-current-signer-data'

describe('faults that a face can show', () => {
  let chain: EmbeddedChain
  beforeAll(async () => {
    chain = await testChain()
  })
  afterAll(() => chain.stop())
  afterEach(() => {
    chain.corrupt()
    chain.face.lag(0)
  })

  const askCall = async () => {
    const path = `/v2/contracts/call-read/${chain.contract.replace('.', '/')}/${CALL}`
    const answer = await fetch(`${chain.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sender: BOOTSTRAP_SET.address, arguments: [] }),
    })
    return { status: answer.status, text: await answer.text() }
  }

  /** What a reader meets instead of the right answer. */
  const SYMPTOMS: Readonly<Record<Corruption, (answer: { status: number; text: string }) => void>> = {
    malformed_json: ({ text }) => expect(() => JSON.parse(text)).toThrow(SyntaxError),
    truncated_body: ({ text }) => expect(() => JSON.parse(text)).toThrow(SyntaxError),
    garbage_hex: ({ text }) => expect(JSON.parse(text).result).toMatch(/^0x(zq)+$/),
    truncated_hex: ({ text }) => expect(JSON.parse(text).result).toMatch(/^0x0c00000004[0-9a-f]{20,}$/),
    wrong_types: ({ text }) => expect(JSON.parse(text)).toEqual({ okay: 'yes', result: expect.any(Number) }),
    wrong_clarity: ({ text }) => expect(JSON.parse(text)).toEqual({ okay: true, result: '0x03' }),
    oversized: ({ text }) => expect(text.length).toBeGreaterThan(1024 * 1024),
    http_500: ({ status }) => expect(status).toBe(500),
    not_okay: ({ status, text }) => {
      expect(status).toBe(200)
      expect(JSON.parse(text)).toEqual({ okay: false, cause: expect.any(String) })
    },
  }

  it.each(CORRUPTIONS)('should answer with %s until told otherwise', async (fault) => {
    const right = await askCall()
    chain.corrupt(fault)
    const wrong = await askCall()
    expect(wrong.text).not.toBe(right.text)
    SYMPTOMS[fault](wrong)
    chain.corrupt()
    expect(await askCall()).toEqual(right)
  })

  it.each(CORRUPTIONS.filter((f) => f !== 'not_okay' && f !== 'wrong_clarity'))(
    'should answer /v2/info with %s too',
    async (fault) => {
      const right = await (await fetch(`${chain.url}/v2/info`)).text()
      chain.corrupt(fault)
      expect(await (await fetch(`${chain.url}/v2/info`)).text()).not.toBe(right)
    },
  )

  it('should answer whatever it is told to', async () => {
    chain.corrupt((request, answer) => (request.path === '/v2/info' ? jsonAnswer(200, { network_id: 1 }) : answer))
    expect(await getJson(chain.url, '/v2/info')).toEqual({ network_id: 1 })
    expect((await callRead(chain, CALL)).body).toMatchObject({ okay: true })
  })

  it('should hang while stalled, and answer when it ends', async () => {
    chain.stall(true)
    const asked = fetch(`${chain.url}/v2/info`)
    let answered = false
    const noted = asked.then(() => {
      answered = true
    })
    await expect(fetch(`${chain.url}/v2/info`, { signal: AbortSignal.timeout(300) })).rejects.toThrow()
    expect(answered).toBe(false)
    chain.stall(false)
    await noted
    expect((await asked).status).toBe(200)
  })

  it('should mine while stalled', async () => {
    chain.stall(true)
    const { height } = chain.tip()
    expect((await chain.mine()).height).toBe(height + 1)
    chain.stall(false)
  })

  it('should be gone after stop, and the same after start', async () => {
    const { url } = chain
    const before = await getJson(url, '/v2/info')
    await chain.face.stop()
    await expect(fetch(`${url}/v2/info`)).rejects.toThrow()
    await chain.face.start()
    expect(chain.url).toBe(url)
    expect(await getJson(url, '/v2/info')).toEqual(before)
  })

  it('should let go of stalled requests when it stops', async () => {
    chain.stall(true)
    const refused = expect(fetch(`${chain.url}/v2/info`)).rejects.toThrow()
    await expect(fetch(`${chain.url}/v2/info`, { signal: AbortSignal.timeout(200) })).rejects.toThrow()
    await chain.face.stop()
    await refused
    await chain.face.start()
    expect(await getJson(chain.url, '/v2/info')).toBeDefined()
  })

  it('should show faults on one face and not on another', async () => {
    const other = await chain.openFace()
    expect(other.url).not.toBe(chain.url)
    chain.corrupt('http_500')
    expect((await fetch(`${chain.url}/v2/info`)).status).toBe(500)
    expect((await fetch(`${other.url}/v2/info`)).status).toBe(200)
  })

  it('should show an older chain on a face that lags', async () => {
    const lagging = await chain.openFace()
    await chain.mine(3)
    const old = chain.tip()
    expect((await post(chain.url, (await rotationTx()).serializeBytes())).status).toBe(200)
    const rotated = await chain.mine()
    await chain.mine()
    lagging.lag(2)
    const late = { url: lagging.url, contract: chain.contract }
    expect(await getJson(lagging.url, '/v2/info')).toMatchObject({ stacks_tip: old.blockHash })
    expect(await keysAt(late)).toEqual([])
    expect(await keysAt(chain)).toEqual([...NEXT_SET.keys])
    expect((await callRead(late, CALL, { tip: rotated.indexBlockHash })).status).toBe(404)
    expect((await fetch(`${lagging.url}/v3/blocks/${rotated.indexBlockHash}`)).status).toBe(404)
    lagging.lag(0)
    expect(await keysAt(late)).toEqual([...NEXT_SET.keys])
  })
})
