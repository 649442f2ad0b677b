import { describe, expect, it } from 'vitest'
import { KeyPair } from '../../../src/curve/index.ts'
import { parseConfig } from '../../../src/node/config/index.ts'
import { planReload, RELOADABLE_KEYS } from '../../../src/node/reload/plan.ts'
import { configText } from './config-text.ts'

const [self, member, bridge] = [0, 1, 2].map(() => KeyPair.generate()) as [KeyPair, KeyPair, KeyPair]
const FILE = '/etc/countersign/signer.toml'
const METHODS = ['threshold.public_key', 'threshold.sign']
const parse = (over: Parameters<typeof configText>[1] = {}) =>
  parseConfig(configText(self.publicKey, over), FILE, { methods: METHODS })
const seed = `/ip4/127.0.0.1/tcp/4700/p2p/${member.peerId}`
const running = parse()
const plan = (over: Parameters<typeof configText>[1]) => planReload(running, parse(over), self.publicKey)

describe('planReload', () => {
  it('should tell each right that a bridge is given and that is taken from it', () => {
    const grant = (more: string) =>
      parse({ tail: `[[bridge]]\npeer_id = "${bridge.peerId}"\nmethods = ["threshold.sign"]\n${more}` })
    const plan = planReload(
      grant('quota = { sign = 5 }\nallow_raw_sign = true\n'),
      grant('keys = ["keys/a"]\nallow_secret_export = false\n'),
      self.publicKey,
    )
    const { peerId } = bridge
    expect(plan).toMatchObject({
      changes: [
        {
          added: [`${peerId} (keys keys/a, allow_secret_export false)`],
          removed: [`${peerId} (quota sign 5, allow_raw_sign)`],
        },
      ],
    })
  })

  it('should find nothing to do for the same file, and for one that only spells it otherwise', () => {
    expect(plan({})).toEqual({ kind: 'unchanged' })
    expect(plan({ tail: '# a comment\n[log]\nlevel = "info"\n' })).toEqual({ kind: 'unchanged' })
  })

  it('should tell what comes and what goes, per list', () => {
    const grant = (methods: string) => `[[bridge]]\npeer_id = "${bridge.peerId}"\nmethods = [${methods}]\n`
    expect(
      plan({ p2p: `seeds = ["${seed}"]\ndeny = ["${member.publicKey}"]`, tail: grant('"threshold.sign"') }),
    ).toEqual({
      kind: 'apply',
      changes: [
        { key: 'bridge', added: [`${bridge.peerId} (threshold.sign)`], removed: [] },
        { key: 'p2p.deny', added: [member.peerId], removed: [] },
        { key: 'p2p.seeds', added: [seed], removed: [] },
      ],
    })
    expect(plan({ tail: `[[backup]]\npeer_id = "${bridge.peerId}"\n` })).toEqual({
      kind: 'apply',
      changes: [{ key: 'backup', added: [bridge.peerId], removed: [] }],
    })
    const granted = parse({ tail: grant('"threshold.sign", "threshold.public_key"') })
    expect(planReload(granted, parse({ tail: grant('"threshold.sign"') }), self.publicKey)).toEqual({
      kind: 'apply',
      changes: [
        {
          key: 'bridge',
          added: [],
          removed: [`${bridge.peerId} (threshold.public_key)`],
        },
      ],
    })
  })

  it.each([
    ['data_dir', { head: 'data_dir = "elsewhere"' }],
    ['registry.poll_interval', { registry: 'poll_interval = "30s"' }],
    ['p2p.announce', { p2p: 'announce = ["/ip4/127.0.0.1/tcp/4701"]' }],
    ['signing.policy', { tail: '[signing]\npolicy = "auto"\n' }],
    ['admin.listen', { tail: '[admin]\nlisten = "127.0.0.1:9464"\n' }],
    ['log.level', { tail: '[log]\nlevel = "debug"\n' }],
  ] as const)('incident 42: should refuse all if %s differs as well', (key, over) => {
    const p2p = `${'p2p' in over ? over.p2p : ''}\nseeds = ["${seed}"]`
    const refused = plan({ ...over, p2p })
    expect(refused).toEqual({ kind: 'refuse', refusals: [{ key, reason: expect.stringContaining('needs a restart') }] })
  })

  it('should name every key that needs a restart', () => {
    const refused = plan({ head: 'data_dir = "elsewhere"', tail: '[log]\nlevel = "debug"\n' })
    expect(refused.kind === 'refuse' && refused.refusals.map((r) => r.key)).toEqual(['data_dir', 'log.level'])
  })

  it("should refuse to deny this node's own key, also when it is not the one that the file names", () => {
    const next = parse({ p2p: `deny = ["${member.publicKey}"]` })
    expect(planReload(running, next, self.publicKey).kind).toBe('apply')
    expect(planReload(running, next, member.publicKey)).toEqual({
      kind: 'refuse',
      refusals: [{ key: 'p2p.deny', reason: expect.stringContaining("this node's own key") }],
    })
  })

  it('should know only keys that exist', () => {
    const all = parse({ p2p: `seeds = ["${seed}"]`, tail: '' })
    expect(RELOADABLE_KEYS.filter((key) => !all.settings.has(key))).toEqual([])
  })
})
