import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CodedError, jsonAnswer, silentLogger } from '../../../src/base/index.ts'
import { EXIT } from '../../../src/cli/exit-codes.ts'
import type { NodeInit } from '../../../src/node/index.ts'
import { type AdminRoute, AdminServer, jsonBody } from '../../../src/status/index.ts'
import { cli, KEY_A, KEY_B, KEY_C, tempDir, writeConfig } from './harness.ts'

const startNode = vi.hoisted(() => vi.fn())
vi.mock('../../../src/node/node.ts', () => ({ startNode }))

const PENDING_ID = 'ab'.repeat(32)
const STATUS = {
  state: 'signer',
  publicKey: KEY_A,
  peerId: '16Uiu2HAself',
  network: 'devnet',
  members: [
    { publicKey: KEY_A, peerId: '16Uiu2HAself', self: true, role: 'signer', connected: false, links: [] },
    {
      publicKey: KEY_B,
      peerId: '16Uiu2HAother',
      self: false,
      role: 'signer',
      connected: true,
      links: [{ transport: 'tcp', direction: 'outbound', remoteAddress: '/ip4/127.0.0.1/tcp/1' }],
    },
  ],
}
const RECALLED = {
  setHash: 'cd'.repeat(32),
  groupKey: 'ef'.repeat(32),
  threshold: 2,
  keys: [KEY_A, KEY_B, KEY_C],
  keyHeld: true,
  approvedAtMs: 0,
  expiresAtMs: 86_400_000,
  admitted: false,
}

const DIGEST_A = '5a'.repeat(32)
const DIGEST_B = '5b'.repeat(32)
const DIGEST_C = '5c'.repeat(32)
const SIGNATURE = '99'.repeat(64)
const HANDOFF = {
  rotation: {
    pendingId: PENDING_ID,
    handoff: {
      holding: [KEY_C],
      cosigned: [KEY_B],
      items: [
        ...[
          {
            digest: DIGEST_A,
            merkleRoot: 'none',
            own: true,
            listedBy: [KEY_A, KEY_B],
            missing: [],
            signature: SIGNATURE,
          },
        ],
        ...[
          {
            digest: DIGEST_B,
            merkleRoot: 'empty',
            own: true,
            listedBy: [KEY_A],
            missing: [KEY_B, KEY_C],
            signature: null,
            failure: null,
          },
        ],
        ...[
          {
            digest: DIGEST_C,
            merkleRoot: 'none',
            own: true,
            listedBy: [KEY_A, KEY_B],
            missing: [],
            signature: null,
            failure: `nobody answered; not heard from: ${KEY_B}`,
          },
        ],
        ...[
          {
            digest: KEY_A.slice(2),
            merkleRoot: 'none',
            own: true,
            listedBy: [KEY_A],
            missing: [KEY_B, KEY_C],
            tooLate: true,
            signature: null,
          },
          {
            digest: KEY_B.slice(2),
            merkleRoot: 'none',
            own: false,
            listedBy: [],
            missing: [],
            tooLate: false,
            signature: SIGNATURE,
          },
        ],
      ],
    },
  },
  lists: [
    {
      ...{ pendingId: PENDING_ID, groupKey: 'ef'.repeat(32), listedAtMs: 0, hold: false },
      items: [
        { digest: DIGEST_A, merkleRoot: 'none', signature: SIGNATURE },
        { digest: DIGEST_B, merkleRoot: 'empty', signature: null },
      ],
      former: [{ digest: KEY_B.slice(2), merkleRoot: 'none', signature: '77'.repeat(64) }],
    },
    {
      ...{ pendingId: 'cd'.repeat(32), groupKey: 'ee'.repeat(32), listedAtMs: 0, hold: false },
      items: [{ digest: DIGEST_A, merkleRoot: 'none', signature: null }],
    },
  ],
}

let temp: ReturnType<typeof tempDir>
let config: string
let setFile: string
let node: AdminServer | undefined
let approvals: Readonly<Record<string, unknown>>[]
let onApprove: () => void

beforeEach(() => {
  temp = tempDir()
  config = writeConfig(temp.dir)
  setFile = join(temp.dir, 'set.toml')
  writeFileSync(setFile, `keys = ["${KEY_C}", "${KEY_A}"]\nthreshold = 2\n`)
  approvals = []
  onApprove = () => {}
  startNode.mockReset()
})
afterEach(async () => {
  await node?.stop()
  node = undefined
  temp.remove()
})

const route = (method: 'GET' | 'POST', path: string, handler: AdminRoute['handler']): AdminRoute => ({
  method,
  path,
  mutating: method === 'POST',
  handler,
})

/** A node's admin API with the answers that a test wants. */
const S2 = {
  ...{ publicKey: 'ac'.repeat(32), nonceMode: 'native', continuity: 'lost', lostReason: 'store_is_older' },
  ...{ instance: '0123456789abcdef', generation: 0, journal: null },
}
async function nodeAnswers(status: unknown = STATUS, rotation: unknown = { rotation: null }): Promise<void> {
  node = new AdminServer({
    socketPath: join(temp.dir, 'admin.sock'),
    logger: silentLogger,
    routes: [
      route('GET', '/status', () => jsonAnswer(200, status)),
      route('POST', '/reload', () => jsonAnswer(200, { reload: { result: 'unchanged', changes: [], refusals: [] } })),
      route('GET', '/rotation', () => jsonAnswer(200, rotation)),
      route('POST', '/rotation/approve', (request) => {
        approvals.push(jsonBody(request))
        onApprove()
        return jsonAnswer(200, { pendingId: PENDING_ID })
      }),
      route('GET', '/rotation/handoff', () => jsonAnswer(200, HANDOFF)),
      route('POST', '/rotation/handoff', (request) => {
        approvals.push(jsonBody(request))
        onApprove()
        return jsonAnswer(200, { pendingId: PENDING_ID })
      }),
      route('GET', '/rotation/recalled', () => jsonAnswer(200, { recalled: [RECALLED], replaced: [RECALLED] })),
      route('POST', '/rotation/recall', (request) => {
        const body = jsonBody(request)
        approvals.push(body)
        if (body.set_hash !== RECALLED.setHash) throw new CodedError('SET_UNKNOWN', 'saw no such set')
        return jsonAnswer(200, { ...RECALLED, withdrawn: body.withdraw })
      }),
      route('GET', '/s2', () => jsonAnswer(200, { s2: S2 })),
      ...['/s2/accept', '/s2/journal/import', '/s2/journal/export', '/s2/retire'].map((path) =>
        route('POST', path, (request) => {
          approvals.push({ path, ...jsonBody(request) })
          const report = { lines: 3, added: 2, conflicts: 1, tornBytes: 7 }
          return jsonAnswer(200, { s2: { ...S2, lostReason: null }, report, lines: 3, generation: 1, dropped: 4 })
        }),
      ),
    ],
  })
  await node.start()
}

describe('countersign s2', () => {
  const s2 = (...argv: string[]) => cli(['s2', ...argv, '--config', config])

  it('should say that the store proves nothing, why, and what to do', async () => {
    await nodeAnswers()
    const { code, out } = await s2('status')
    expect(code).toBe(0)
    expect(out).toMatch(/LOST: store_is_older/)
    expect(out).toContain(`countersign s2 accept --instance ${S2.instance}`)
    expect((await s2('status', '--json')).json()).toEqual({ s2: S2 })
  })

  it('should accept by name only', async () => {
    await nodeAnswers()
    expect((await s2('accept')).code).toBe(EXIT.usage)
    expect((await s2('accept', '--instance', S2.instance)).out).toMatch(/^Accepted\.[\s\S]*proven/)
    expect(approvals).toEqual([{ path: '/s2/accept', instance: S2.instance }])
  })

  it('should name a journal by its absolute path, and say what came of it', async () => {
    await nodeAnswers()
    const { out } = await s2('journal', 'import', 'old.journal')
    expect(out).toMatch(
      /Read 3 lines, of which this store did not know 2; 7 bytes.*\n1 one-time keys were used differently/,
    )
    expect((await s2('journal', 'export', 'new.journal')).out).toMatch(/^Wrote 3 lines to \/.*new\.journal\n$/)
    expect(approvals).toMatchObject([
      { path: expect.stringMatching(/^\/.*old\.journal$/) },
      { path: expect.stringMatching(/^\/.*new\.journal$/) },
    ])
  })

  it('should say what retiring a generation dropped', async () => {
    await nodeAnswers()
    expect((await s2('retire')).out).toBe('Generation 1 begins; 4 records were dropped.\n')
  })
})

const status = (...more: string[]) => cli(['status', '--config', config, ...more])

describe('countersign status', () => {
  it('should say that no node runs', async () => {
    const { code, out, err } = await status()
    expect({ code, out }).toEqual({ code: EXIT.failure, out: '' })
    expect(err).toMatch(/^countersign: no node answers at .*admin\.sock: start it with/)
  })

  it('should say it as JSON too', async () => {
    expect((await status('--json')).json()).toMatchObject({ error: { code: 'NODE_NOT_RUNNING' } })
  })

  it('should pass the JSON of the node on', async () => {
    await nodeAnswers()
    expect((await status('--json')).json()).toEqual(STATUS)
  })

  it('should show state, members and what is red', async () => {
    const checks = [
      { name: 'registry', ok: true, sinceMs: 0 },
      { name: 'mesh', ok: false, reason: 'no connection to anyone', sinceMs: Date.now() - 5_000 },
    ]
    await nodeAnswers({
      ...STATUS,
      set: { threshold: 2, size: 2, hash: 'ff'.repeat(32) },
      health: { ok: false, red: ['mesh'], checks },
    })
    const { code, out } = await status('--wide')
    expect(code).toBe(0)
    expect(out).toMatch(/^state +signer: its key is in the current set$/m)
    expect(out).toMatch(/^health +RED\n +mesh: no connection to anyone \(for \d+ s\)$/m)
    expect(out).toMatch(/^set +2 of 2 · ff/m)
    expect(out).toMatch(new RegExp(`${KEY_A} +16Uiu2HAself +signer +this node$`, 'm'))
    expect(out).toMatch(
      new RegExp(`${KEY_B} +16Uiu2HAother +signer +connected +tcp outbound /ip4/127.0.0.1/tcp/1$`, 'm'),
    )
    expect(out).not.toContain('undefined')
  })

  it('should show who is heard and who is not, why they are members, and what is wrong with them', async () => {
    const now = Date.now()
    const [self, other] = STATUS.members
    const link = { transport: 'tcp', direction: 'inbound', remoteAddress: '/ip4/127.0.0.1/tcp/2', rttMs: 12 }
    await nodeAnswers({
      ...STATUS,
      clock: { offsetMs: -31_250, witnesses: 4 },
      keyInUseElsewhere: { sinceMs: now - 5_000, boot: 7 },
      members: [
        { ...self, alive: null, reason: 'in set 11111111 at Bitcoin block 7' },
        { ...other, alive: true, lastHeartbeatAtMs: now - 3_000, links: [link], diverges: false },
        {
          ...{ ...other, publicKey: KEY_C, alive: false, lastHeartbeatAtMs: now - 60_000 },
          ...{ diverges: true, claimedSetHash: '22'.repeat(32) },
          claims: { keyHeld: false, signing: false, registryFresh: false },
        },
        { ...other, alive: false, lastHeartbeatAtMs: null },
      ],
    })
    const { out } = await status('--wide')
    expect(out).toMatch(/^ +public key +PeerID +role +link +heartbeat +links +why$/m)
    expect(out).toMatch(/this node +in set 11111111 at Bitcoin block 7$/m)
    expect(out).toMatch(/connected +[34] s ago +tcp inbound \/ip4\/127.0.0.1\/tcp\/2 12 ms$/m)
    expect(out).toMatch(/SILENT for 6[01] s · OTHER SET 22222222 · no share · not signing · registry stale/)
    expect(out).toMatch(/connected +NEVER HEARD/)
    expect(out).toMatch(/^clock +31\.3 s ahead of the median of 4 members$/m)
    expect(out).toMatch(/^THIS KEY +SPEAKS FROM ANOTHER NODE, heard [56] s ago; nothing is signed$/m)
  })

  it('should fit 100 columns unless asked to be wide, and be whole as JSON', async () => {
    const [self, other] = STATUS.members
    const link = { transport: 'tcp', direction: 'inbound', remoteAddress: '/ip4/127.0.0.1/tcp/2', rttMs: 12 }
    const whole = { ...STATUS, members: [self, { ...other, alive: true, links: [link], reason: 'in set 11111111' }] }
    await nodeAnswers(whole)
    const { out } = await status()
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
    expect(out).toMatch(
      new RegExp(`^ +${KEY_B.slice(0, 8)}… +16Uiu2HAother +signer +connected .* tcp inbound 12 ms$`, 'm'),
    )
    expect((await status('--wide')).out).toContain(`${KEY_B}  16Uiu2HAother`)
    expect((await status('--json', '--wide')).json()).toEqual(whole)
  })

  it.each([
    [null],
    [[]],
    ['text'],
    [{}],
    [{ members: [{ alive: true }, { alive: false, claims: 3 }], clock: 3, keyInUseElsewhere: [] }],
    [{ members: [null, 3, {}], health: 'x', set: [], rotation: 7, denials: { totals: null } }],
  ])('should bear with a strange answer: %j', async (answer) => {
    await nodeAnswers(answer)
    expect(await status()).toMatchObject({ code: 0, err: '', out: expect.stringContaining('state') })
  })

  it('should let no control characters through to the terminal', async () => {
    const member = { ...STATUS.members[1], links: [{ remoteAddress: '\u001b]0;owned\u0007\r\n\u202eevil' }] }
    await nodeAnswers({ ...STATUS, state: '\u001b[2J', members: [member] })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect((await status()).out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/)
  })
})

describe('a config that is wrong', () => {
  const spoil = (more: string) => writeFileSync(config, `${readFileSync(config, 'utf8')}${more}`)
  const socket = () => join(temp.dir, 'admin.sock')
  const commands = (...where: string[]): [string, string[]][] => [
    ['status', ['status', ...where]],
    ['reload', ['reload', ...where]],
    ['rotation status', ['rotation', 'status', ...where]],
    ['rotation approve', ['rotation', 'approve', '--set', setFile, '--yes', ...where]],
    ['rotation recall', ['rotation', 'recall', ...where]],
    ['rotation recall of a set', ['rotation', 'recall', RECALLED.setHash, ...where]],
    ['s2 status', ['s2', 'status', ...where]],
    ['s2 accept', ['s2', 'accept', '--instance', S2.instance, ...where]],
    ['s2 journal import', ['s2', 'journal', 'import', 'j', ...where]],
    ['s2 journal export', ['s2', 'journal', 'export', 'j', ...where]],
    ['s2 retire', ['s2', 'retire', ...where]],
    ['rotation handoff', ['rotation', 'handoff', ...where]],
    ['rotation handoff that holds', ['rotation', 'handoff', '--hold', ...where]],
  ]
  const MUTATING = [
    's2 accept',
    's2 journal import',
    's2 journal export',
    's2 retire',
    'reload',
    'rotation approve',
    'rotation recall of a set',
    'rotation handoff that holds',
  ]

  it('should keep nobody from asking the running node: only what names the socket is read', async () => {
    await nodeAnswers()
    spoil('level = "loud"\n[log]\nlevle = 7\n[[bridge]]\n')
    for (const [name, argv] of commands('--config', config)) expect((await cli(argv)).code, name).toBe(0)
    // Whereas a node can't be started with it.
    expect((await cli(['run', '--config', config])).code).toBe(EXIT.config)
  })

  it('should be told with its line where it hides the socket, and --socket is the way out', async () => {
    await nodeAnswers()
    spoil('[log\n')
    for (const [name, argv] of commands('--config', config)) {
      const { code, err } = await cli(argv)
      expect(code, name).toBe(EXIT.config)
      expect(err, name).toMatch(
        /signer\.toml: line \d+, column \d+ is not TOML .*; --socket PATH finds the running node/,
      )
    }
    for (const [name, argv] of commands('--config', config, '--socket', socket()))
      expect((await cli(argv)).code, name).toBe(0)
  })

  it('should change nothing on a node that has another key than the config pins, and read there', async () => {
    for (const other of [{ ...STATUS, publicKey: KEY_B }, {}]) {
      await nodeAnswers(other)
      for (const [name, argv] of commands('--config', config)) {
        const { code, err } = await cli(argv)
        expect([name, code]).toEqual([name, MUTATING.includes(name) ? EXIT.config : 0])
        if (code !== 0) expect(err).toMatch(/^countersign: the node that answers at .*admin\.sock has the key .*pins/)
      }
      expect(approvals).toEqual([])
      await node?.stop()
    }
  })

  it('should change a node of another key where its socket is named', async () => {
    await nodeAnswers({ ...STATUS, publicKey: KEY_B })
    for (const [name, argv] of commands('--config', config, '--socket', socket()))
      expect((await cli(argv)).code, name).toBe(0)
    expect(approvals).not.toEqual([])
  })

  it('R7: should take the next key for the own node, too', async () => {
    const text = readFileSync(config, 'utf8')
    writeFileSync(config, text.replace('[registry]', `next_public_key = "${KEY_B}"\n[registry]`))
    await nodeAnswers({ ...STATUS, publicKey: KEY_B })
    for (const [name, argv] of commands('--config', config)) expect((await cli(argv)).code, name).toBe(0)
  })

  it('should not matter to --socket at all, and a path that is too long be refused in words', async () => {
    await nodeAnswers()
    expect((await cli(['status', '--config', join(temp.dir, 'none.toml'), '--socket', socket()])).code).toBe(0)
    const { code, err } = await cli(['status', '--socket', `/${'x'.repeat(200)}`])
    expect(code).toBe(EXIT.config)
    expect(err).toMatch(/may have 100/)
  })
})

describe('countersign rotation approve', () => {
  const approve = (more: string[] = [], answer?: string) =>
    cli(['rotation', 'approve', '--config', config, '--set', setFile, ...more], answer === undefined ? {} : { answer })

  it('should show the set and its pending id, ask, and approve what it showed', async () => {
    await nodeAnswers()
    const { code, out } = await approve([], 'yes')
    expect(code).toBe(0)
    expect(out).toMatch(new RegExp(`^pending id +${PENDING_ID}$`, 'm'))
    expect(out).toMatch(/^threshold +2 of 2$/m)
    expect(out).toContain(`${KEY_A} (this node)`)
    expect(out).toContain(`${KEY_C} (new)`)
    expect(out).toMatch(new RegExp(`^leaving +${KEY_B}$`, 'm'))
    const asked = { keys: [KEY_A, KEY_C], threshold: 2, attempt: 1 }
    expect(approvals).toEqual([
      { ...asked, dry_run: true },
      { ...asked, dry_run: false, pending_id: PENDING_ID, replace: false },
    ])
  })

  it.each(['', 'no', 'y', 'yess'])('should change nothing when the answer is %j', async (answer) => {
    await nodeAnswers()
    expect(await approve([], answer)).toMatchObject({
      code: EXIT.failure,
      out: expect.stringContaining('Not approved'),
    })
    expect(approvals.every((a) => a.dry_run === true)).toBe(true)
  })

  it('should approve unasked with --yes', async () => {
    await nodeAnswers()
    expect((await approve(['--yes'])).code).toBe(0)
    expect(approvals.map((a) => a.dry_run)).toEqual([true, false])
  })

  it('should not approve where nobody can be asked', async () => {
    await nodeAnswers()
    const { code, err } = await approve()
    expect(code).toBe(EXIT.usage)
    expect(err).toContain('--yes')
    expect(approvals.every((a) => a.dry_run === true)).toBe(true)
  })

  it('should not ask in the middle of JSON', async () => {
    await nodeAnswers()
    const ran = await approve(['--json'], 'yes')
    expect(ran.json()).toMatchObject({ error: { code: 'CONFIRMATION_NEEDED' } })
    expect(approvals).toHaveLength(1)
  })

  it('should print one JSON object', async () => {
    await nodeAnswers()
    const { out } = await approve(['--json', '--yes'])
    expect(JSON.parse(out)).toMatchObject({ approved: true, pendingId: PENDING_ID })
  })

  it("should pass on the node's refusal", async () => {
    await nodeAnswers()
    onApprove = () => {
      throw new CodedError('NOT_A_MEMBER', 'this node is in neither set')
    }
    expect(await approve(['--yes'])).toMatchObject({
      code: EXIT.failure,
      err: 'countersign: this node is in neither set\n',
    })
  })

  it('should refuse a node that names no pending id, before it approves anything', async () => {
    await nodeAnswers()
    await node?.stop()
    node = new AdminServer({
      socketPath: join(temp.dir, 'admin.sock'),
      logger: silentLogger,
      routes: [
        route('GET', '/status', () => jsonAnswer(200, STATUS)),
        route('POST', '/rotation/approve', (request) => {
          approvals.push(jsonBody(request))
          return jsonAnswer(200, {})
        }),
      ],
    })
    await node.start()
    expect((await approve(['--yes'])).code).toBe(EXIT.failure)
    expect(approvals).toHaveLength(1)
  })

  it('should judge the set file before it calls the node', async () => {
    await nodeAnswers()
    writeFileSync(setFile, `keys = ["${KEY_A}"]\nthreshold = 1\n`)
    const { code, err } = await approve(['--yes'])
    expect(code).toBe(EXIT.config)
    expect(err).toContain(`${setFile}: keys must list 2 to 16 entries`)
    expect(approvals).toEqual([])
  })
})

describe('countersign rotation status', () => {
  const rotation = (...more: string[]) => cli(['rotation', 'status', '--config', config, ...more])

  it('should say that nothing is pending', async () => {
    await nodeAnswers()
    expect(await rotation()).toMatchObject({ code: 0, out: expect.stringMatching(/^no rotation is pending here/) })
  })

  it('should show who approved and who is waited for', async () => {
    const view = {
      pendingId: PENDING_ID,
      keys: [KEY_A, KEY_C],
      threshold: 2,
      attempt: 1,
      approved: [KEY_A, KEY_B],
      step: 'wait',
      waitingFor: 'approvals',
      missing: [KEY_C],
    }
    await nodeAnswers(STATUS, { rotation: view })
    const { out } = await rotation()
    expect(out).toMatch(/^step +wait · waiting for approvals$/m)
    expect(out).toContain(`${KEY_A}  approved`)
    expect(out).toContain(`${KEY_C}  not approved yet`)
    expect(out).toContain(`${KEY_B}  approved (not in the new set)`)
    expect((await rotation('--json')).json()).toEqual({ rotation: view })
  })
})

describe('the next key in the status', () => {
  const no = { publicKey: KEY_B, onChain: false, approved: false, inUse: false }
  it.each<[string, Readonly<Record<string, unknown>>, RegExp]>([
    ['loaded only', no, /neither the chain nor an approval of this operator names it/],
    ['approved', { ...no, approved: true }, /in the pending set that this operator approved/],
    ['on chain', { ...no, onChain: true }, /on chain: the node moves to it/],
    ['in use', { ...no, onChain: true, inUse: true }, /in use: make it key_file/],
  ])('R7: should be told when it is %s', async (_what, nextKey, words) => {
    await nodeAnswers({ ...STATUS, nextKey })
    const line = (await status('--wide')).out.split('\n').find((l) => l.startsWith('next key'))
    expect(line).toContain(KEY_B)
    expect(line).toMatch(words)
  })
  it('should not be told where none is loaded', async () => {
    await nodeAnswers({ ...STATUS, nextKey: null })
    expect((await status()).out).not.toMatch(/next key/)
  })
})

describe('countersign rotation recall', () => {
  const recall = (...more: string[]) => cli(['rotation', 'recall', '--config', config, ...more])

  it('should list replaced and recalled sets without a hash, and change nothing', async () => {
    await nodeAnswers()
    const { code, out } = await recall()
    expect(code).toBe(0)
    expect(out).toMatch(
      new RegExp(`^recalled\n +${RECALLED.setHash} +2 of 3 +key ef.* +share held +until 1970-01-02.*NOT ADMITTED`),
    )
    expect(out).toMatch(new RegExp(`^replaced\n +${RECALLED.setHash}`, 'm'))
    expect(approvals).toEqual([])
  })

  it('R7: should say of a share that it is of an earlier key, not that it is missing', async () => {
    const earlierKey = KEY_A
    await nodeAnswers({ ...STATUS, recalled: [{ ...RECALLED, keyHeld: false, earlierKey }] })
    const { out } = await status('--wide')
    expect(out).toMatch(new RegExp(`cdcd.*share of this node's earlier key ${earlierKey}.*NOT ADMITTED$`, 'm'))
    expect(out).not.toMatch(/NO SHARE HERE|registry is stale/)
  })

  it('should recall the set that is named, and say which and until when', async () => {
    await nodeAnswers()
    const { code, out } = await recall(RECALLED.setHash)
    expect(code).toBe(0)
    expect(out).toContain(`until 1970-01-02T00:00:00.000Z: set ${RECALLED.setHash}`)
    expect(approvals).toEqual([{ set_hash: RECALLED.setHash, withdraw: false }])
  })

  it('should withdraw', async () => {
    await nodeAnswers()
    expect((await recall(RECALLED.setHash, '--withdraw', '--json')).json()).toMatchObject({ withdrawn: true })
    expect(approvals).toEqual([{ set_hash: RECALLED.setHash, withdraw: true }])
  })

  it('should not withdraw without a name', async () => {
    await nodeAnswers()
    const { code, err } = await recall('--withdraw')
    expect(code).toBe(EXIT.usage)
    expect(err).toMatch(/name the set/)
    expect(approvals).toEqual([])
  })

  it("should pass the node's refusal on", async () => {
    await nodeAnswers()
    const { code, err } = await recall('ab'.repeat(32))
    expect(code).not.toBe(0)
    expect(err).toMatch(/saw no such set/)
  })

  it('should show recalled sets in the status', async () => {
    await nodeAnswers({ ...STATUS, recalled: [RECALLED] })
    expect((await status()).out).toMatch(/^recalled sets\n +cdcd.*NOT ADMITTED/m)
  })
})

describe('countersign reload', () => {
  const answering = async (status: number, answer: unknown) => {
    node = new AdminServer({
      socketPath: join(temp.dir, 'admin.sock'),
      logger: silentLogger,
      routes: [
        route('GET', '/status', () => jsonAnswer(200, STATUS)),
        route('POST', '/reload', () => jsonAnswer(status, answer)),
      ],
    })
    await node.start()
  }
  const reload = {
    result: 'applied',
    changes: [{ key: 'p2p.deny', added: ['16Uiu2HAnew'], removed: ['16Uiu2HAold'] }],
    refusals: [],
  }

  it('should show what was added and removed', async () => {
    await answering(200, { reload })
    const { code, out } = await cli(['reload', '--config', config])
    expect([code, out]).toEqual([0, 'p2p.deny\n  + 16Uiu2HAnew\n  - 16Uiu2HAold\n'])
    expect((await cli(['reload', '--json', '--config', config])).json()).toEqual({ reload })
  })

  it('should say that the file says what runs already', async () => {
    await answering(200, { reload: { result: 'unchanged', changes: [], refusals: [] } })
    expect((await cli(['reload', '--config', config])).out).toBe('the file says what runs already\n')
  })

  it.each([
    ['file', 'file change'],
    ['signal', 'SIGHUP'],
    ['admin', '`countersign reload`'],
    ['new', 'new'],
  ])('should say what was applied before, when, and by what: %s', async (trigger, words) => {
    const changes = [{ key: 'bridge', added: ['16Uiu2HAnew (threshold.sign)'], removed: [] }]
    const appliedBefore = { trigger, atMs: Date.now() - 180_000, changes }
    await answering(200, { reload: { result: 'unchanged', changes: [], refusals: [], appliedBefore } })
    expect((await cli(['reload', '--config', config])).out).toBe(
      `the file says what runs already, applied 3 min ago by ${words}:\nbridge\n  + 16Uiu2HAnew (threshold.sign)\n`,
    )
  })

  it.each([[null], [7], [{}], [{ atMs: 'x' }], [{ atMs: 0, changes: 7 }]])(
    'should bear with a strange word of what was applied before: %j',
    async (appliedBefore) => {
      await answering(200, { reload: { result: 'unchanged', changes: [], refusals: [], appliedBefore } })
      const { code, out } = await cli(['reload', '--config', config])
      expect([code, out]).toEqual([0, expect.stringMatching(/^the file says what runs already/)])
    },
  )

  it('should end with the code of a wrong config when nothing was applied, and say why', async () => {
    const message = 'nothing was reloaded: log.level differs'
    await answering(409, { error: { code: 'RELOAD_REFUSED', message } })
    const { code, err } = await cli(['reload', '--config', config])
    expect([code, err]).toEqual([EXIT.config, `countersign: ${message}\n`])
  })
})

describe('countersign run', () => {
  const run = (stop: AbortSignal, ...more: string[]) => cli(['run', '--config', config, ...more], { stop })

  it('should run the node until it is told to stop', async () => {
    const stop = new AbortController()
    const stopNode = vi.fn(async () => {})
    startNode.mockImplementation(async () => {
      setImmediate(() => stop.abort())
      return { stop: stopNode }
    })
    const ran = await run(stop.signal, '--json')
    expect(ran).toMatchObject({ code: 0, err: '' })
    expect(ran.json()).toEqual({ event: 'started', publicKey: KEY_A })
    expect(stopNode).toHaveBeenCalledOnce()
    expect(startNode.mock.calls[0]?.[0]).toMatchObject({ config: { file: config, log: { level: 'info' } } })
  })

  it('should log JSON lines to stderr', async () => {
    startNode.mockImplementation(async ({ logger }: NodeInit) => {
      logger.info('Started', { n: 1 })
      logger.debug('Hidden')
      return { stop: async () => {} }
    })
    const { out, err } = await run(AbortSignal.abort())
    expect(
      err
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).message),
    ).toEqual(['Started'])
    expect(out).not.toContain('Started')
  })

  it('R30: should stop, and end with an error, when the node can no longer go on safely', async () => {
    const stopNode = vi.fn(async () => {})
    startNode.mockImplementation(async ({ onFatal }: NodeInit) => {
      setImmediate(() => onFatal(new Error('disk full')))
      return { stop: stopNode }
    })
    const { code, err } = await run(new AbortController().signal)
    expect(code).toBe(EXIT.failure)
    expect(err).toMatch(/stopped itself: .*disk full/)
    expect(stopNode).toHaveBeenCalledOnce()
  })

  it('should reload on SIGHUP, and not fall over one that comes while it starts', async () => {
    const hangup = new EventTarget()
    const stop = new AbortController()
    const reload = vi.fn(async () => stop.abort())
    startNode.mockImplementation(async () => {
      hangup.dispatchEvent(new Event('hangup'))
      setImmediate(() => hangup.dispatchEvent(new Event('hangup')))
      return { stop: async () => {}, reload }
    })
    expect(await cli(['run', '--config', config], { stop: stop.signal, hangup })).toMatchObject({ code: 0 })
    expect(reload).toHaveBeenCalledOnce()
  })

  it('should stop, and end with a code of its own, when its key has left the set', async () => {
    const stopNode = vi.fn(async () => {})
    startNode.mockImplementation(async ({ onRemoved }: NodeInit) => {
      setImmediate(() => onRemoved?.())
      return { stop: stopNode }
    })
    const { code, err } = await run(new AbortController().signal)
    expect(code).toBe(80)
    expect(err).toMatch(/has left the signer set/)
    expect(stopNode).toHaveBeenCalledOnce()
  })

  it('should end with the code of what kept it from starting, without a stack', async () => {
    startNode.mockRejectedValue(new CodedError('KEY_FILE_OTHER_KEY', 'it holds another key'))
    expect(await run(new AbortController().signal)).toMatchObject({
      code: EXIT.config,
      out: '',
      err: 'countersign: it holds another key\n',
    })
  })

  it('should call anything else a bug, with its stack', async () => {
    startNode.mockRejectedValue(new TypeError('x is not a function'))
    const { code, err } = await run(new AbortController().signal)
    expect(code).toBe(EXIT.internal)
    expect(err).toMatch(/internal error, please report it: TypeError[\s\S]*\n +at /)
  })
})

describe('countersign rotation handoff', () => {
  const handoff = (...more: string[]) => cli(['rotation', 'handoff', '--config', config, ...more])

  it('R29: should list digests with the roots that stand behind them', async () => {
    await nodeAnswers()
    const { code, out } = await handoff(
      ...[
        '--digest',
        DIGEST_A,
        '--digest',
        DIGEST_B.toUpperCase(),
        '--merkle-root',
        'empty',
        '--digest',
        KEY_A.slice(2),
      ],
    )
    expect(code).toBe(0)
    expect(out).toContain('3 digests')
    expect(out).toMatch(/co-signs as soon as these are signed; nothing can be listed after that \(use --hold/)
    expect(approvals).toEqual([
      {
        items: [
          { digest: DIGEST_A, merkle_root: 'none' },
          { digest: DIGEST_B, merkle_root: 'empty' },
          { digest: KEY_A.slice(2), merkle_root: 'none' },
        ],
        ...{ hold: false, withdraw: false },
      },
    ])
  })

  it('R29: should list what stands in a file, behind what stands on the command line', async () => {
    await nodeAnswers()
    const file = join(temp.dir, 'sweep.txt')
    writeFileSync(file, `# the sweep\n\n${DIGEST_A}\n  ${DIGEST_A} ${DIGEST_B}  # second input\r\n`)
    expect((await handoff('--file', file, '--hold', '--digest', DIGEST_B)).code).toBe(0)
    expect(approvals).toEqual([
      {
        items: [
          { digest: DIGEST_B, merkle_root: 'none' },
          { digest: DIGEST_A, merkle_root: 'none' },
          { digest: DIGEST_A, merkle_root: DIGEST_B },
        ],
        ...{ hold: true, withdraw: false },
      },
    ])
  })

  it('should withdraw, and hold without a digest', async () => {
    await nodeAnswers()
    expect((await handoff('--withdraw')).out).toMatch(/^Withdrawn/)
    expect((await handoff('--hold')).out).toMatch(/does not co-sign until you list again without --hold/)
    expect(approvals).toEqual([
      { items: [], hold: false, withdraw: true },
      { items: [], hold: true, withdraw: false },
    ])
  })

  it('should show who lists what, what is missing, and signatures whole', async () => {
    await nodeAnswers()
    const { code, out } = await handoff()
    expect(code).toBe(0)
    expect(out).toContain(`held by ${KEY_C}`)
    expect(out).toContain(`${DIGEST_A}  signed · listed by 2`)
    expect(out).toContain(`${DIGEST_B} merkle root empty  waiting for others to list it · listed by 1`)
    expect(out).toContain(`not listed by  ${KEY_B}`)
    expect(out).toMatch(new RegExp(`${DIGEST_C} {2}not signed yet .*\\n.*\\n.*\\n +because +nobody answered.*${KEY_B}`))
    expect(out).toContain(SIGNATURE)
    expect(out).toMatch(/not signed yet/)
    // A list that can't be signed any more stops the rotation until it is shortened.
    expect(out).toContain(`not listed by  ${KEY_B}, which says that it has co-signed: it can list nothing more`)
    expect(out).toMatch(new RegExp(`${KEY_A.slice(2)} {2}TOO LATE: list again without it`))
    expect(out).toContain(`${KEY_B.slice(2)}  signed, not listed here`)
    expect(out).toMatch(/no longer listed +[0-9a-f]{64}\n +(77){64}/)
    // What a rotation left behind has one way left.
    expect(out).toMatch(/NOT SIGNED: see `countersign rotation recall`/)
    expect((await handoff('--json')).json()).toEqual(HANDOFF)
    expect(approvals).toEqual([])
  })

  it.each([
    ['a root before any digest', ['--merkle-root', 'empty', '--digest', DIGEST_A], /--digest before it/],
    ['a short digest', ['--digest', '5a5a'], /64 hex digits/],
    ['a root that is none', ['--digest', DIGEST_A, '--merkle-root', 'some'], /none, empty or 64/],
    ['a withdrawal with a digest', ['--withdraw', '--digest', DIGEST_A], /--withdraw ends/],
    ['a withdrawal that holds', ['--withdraw', '--hold'], /--withdraw ends/],
    ['a file that is not there', ['--file', '/nowhere/sweep.txt'], /there is no file/],
  ])('should not ask the node with %s', async (_what, more, words) => {
    await nodeAnswers()
    const { code, err } = await handoff(...more)
    expect(code).not.toBe(0)
    expect(err).toMatch(words)
    expect(approvals).toEqual([])
  })

  it('should refuse a list that is not there with 66', async () => {
    const path = join(temp.dir, 'no-such-list.txt')
    const { code, err } = await handoff('--file', path)
    expect({ code, err }).toEqual({
      code: EXIT.missingInput,
      err: `countersign: there is no file ${path}: write it, one digest per line\n`,
    })
  })

  it.each([
    ['nothing', '# nothing\n', /lists no digest/],
    ['a short digest', `${DIGEST_A}\n12\n`, /line 2: the digest must have 64/],
    ['three words', `${DIGEST_A} none more\n`, /line 1: it has more/],
  ])('should refuse a file with %s as a whole', async (_what, text, words) => {
    await nodeAnswers()
    const file = join(temp.dir, 'sweep.txt')
    writeFileSync(file, text)
    const { code, err } = await handoff('--file', file)
    expect(code).not.toBe(0)
    expect(err).toMatch(words)
    expect(approvals).toEqual([])
  })

  it("should pass on the node's refusal", async () => {
    await nodeAnswers()
    onApprove = () => {
      throw new CodedError('HANDOFF_COSIGNED', 'this node has co-signed rotate-keys already')
    }
    expect(await handoff('--hold')).toMatchObject({ code: EXIT.failure, err: expect.stringContaining('co-signed') })
  })
})
