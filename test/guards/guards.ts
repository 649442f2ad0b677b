/** A line of the code that a rule or an incident asks for, and the test that must miss it. */
export interface Guard {
  /** Rule or incident first. */
  readonly name: string
  readonly file: string
  /** As it stands in the file, once. */
  readonly guard: string
  /** What is left when it is taken out; must still compile, or the red would say nothing. */
  readonly gone: string
  readonly test: {
    readonly project: 'unit' | 'integration'
    readonly file: string
    /** Only tests of this name; the whole file if left out. */
    readonly name?: string
  }
}

const unit = (file: string, name?: string): Guard['test'] => ({
  project: 'unit',
  file: `test/unit/${file}`,
  ...(name === undefined ? {} : { name }),
})
const incident = (file: string): Guard['test'] => ({ project: 'integration', file: `test/incidents/${file}` })

export const GUARDS: readonly Guard[] = [
  {
    name: 'incident 3: connections of a removed member are closed',
    file: 'src/gating/evictor.ts',
    guard: 'await Promise.all(peers.map((peer) => this.#close(peer)))',
    gone: 'await Promise.all([])',
    test: incident('03-removed-member.test.ts'),
  },
  {
    name: 'incident 6: handshakes per host are capped before identity',
    file: 'src/gating/host-quota.ts',
    guard: "      return refuse('host_pending')",
    gone: '      held.toFixed()',
    test: incident('06-unlimited-inbound.test.ts'),
  },
  {
    name: 'DESIGN §5: the deny list wins over every role',
    file: 'src/gating/decide.ts',
    guard: "  if (s.denied.has(peer)) return none('denied_by_operator')\n",
    gone: '',
    test: unit('gating/decide.test.ts', 'the deny list'),
  },
]
