import type { Guard } from './guards.ts'

const unit = (file: string, name?: string): Guard['test'] => ({
  project: 'unit',
  file: `test/unit/${file}`,
  ...(name === undefined ? {} : { name }),
})

/** What keeps an operator's command from another node than was meant, and a node from ending or going red for nothing. */
export const OPERATOR_GUARDS: readonly Guard[] = [
  {
    name: 'operator: an empty config finds no node',
    file: 'src/node/config/socket.ts',
    guard: '  if (Object.keys(document).length === 0)\n',
    gone: '  if (Object.keys(document).length < 0)\n',
    test: unit('node/config-socket.test.ts'),
  },
  {
    name: 'operator: an unknown key or section may be the lost data_dir',
    file: 'src/node/config/socket.ts',
    guard: "  requireKnownKeys(scalarsOf(document, file), ROOT, { file, section: '' })\n",
    gone: '  void [scalarsOf, file]\n',
    test: unit('node/config-socket.test.ts'),
  },
  {
    name: 'operator: an unknown key of [admin] may be the lost socket',
    file: 'src/node/config/socket.ts',
    guard: "  requireKnownKeys(admin, SECTIONS.admin, { file, section: 'admin' })\n",
    gone: '  void admin\n',
    test: unit('node/config-socket.test.ts'),
  },
  {
    name: 'operator: a data_dir in another section is a lost one',
    file: 'src/node/config/socket.ts',
    guard: "? undefined : nearest(key, ['data_dir', 'socket', 'admin'])",
    gone: "? undefined : key === '' ? nearest(key, []) : undefined",
    test: unit('node/config-socket.test.ts'),
  },
  {
    name: 'operator: nothing is changed on a node of another key',
    file: 'src/cli/context.ts',
    guard: "if (method === 'POST') await requireKeyOf(call, publicKeys, socketPath)",
    gone: 'void requireKeyOf',
    test: unit('cli/node-commands.test.ts', 'another key than'),
  },
  {
    name: 'removal: R4: a known set says how far the registry was, whatever became of the snapshot',
    file: 'src/node/foundation.ts',
    guard: '      knownTip: known.highestTip(),\n',
    gone: '      ...(known === undefined ? {} : {}),\n',
    test: unit('node/foundation.test.ts', 'R4'),
  },
  {
    name: 'removal: R4: a known set counts beside an older snapshot',
    file: 'src/registry/watcher.ts',
    guard: 'higherOf(this.#latest?.tip, this.#knownTip)',
    gone: 'this.#latest?.tip ?? higherOf(undefined, this.#knownTip)',
    test: unit('registry/lying-reorg.test.ts'),
  },
  {
    name: 'removal: R6: after a known set nothing is uninitialised',
    file: 'src/registry/watcher.ts',
    guard: '(this.#hadSet || this.#latest',
    gone: '((this.#hadSet && false) || this.#latest',
    test: unit('registry/lying-reorg.test.ts', 'R6'),
  },
  {
    name: 'removal: R4: a known set is stored with its block',
    file: 'src/rotation/recalls.ts',
    guard: 'seenAtMs: this.#c.clock.now(), tip }',
    gone: 'seenAtMs: this.#c.clock.now(), ...(tip === undefined ? { tip } : {}) }',
    test: unit('rotation/recalls.test.ts', 'R4'),
  },
  {
    name: 'removal: R4: a node does not end by one reading',
    file: 'src/node/own-removal.ts',
    guard: '    if (lastReadAtMs - sinceMs < afterMs) return\n',
    gone: '',
    test: unit('node/own-removal.test.ts', 'R4'),
  },
  {
    name: 'removal: R4: a removal that a reorg took back is no removal',
    file: 'src/node/own-removal.ts',
    guard: '      sinceMs = undefined\n',
    gone: '',
    test: unit('node/own-removal.test.ts', 'R4'),
  },
  {
    name: 'removal: R7: while an approval is replaced there is one',
    file: 'src/rotation/reconciler.ts',
    guard: '    this.#stored = approval\n',
    gone: '',
    test: unit('rotation/reconciler.test.ts', 'R7: should never be without'),
  },
  {
    name: 'removal: R7: an approval that could not be stored is none',
    file: 'src/rotation/reconciler.ts',
    guard: '    } finally {\n      this.#stored = undefined\n    }\n',
    gone: '    } finally {\n      void approval\n    }\n',
    test: unit('rotation/reconciler.test.ts', 'R7: should be without one'),
  },
  {
    name: 'operator: what honest peers are refused pushes no stranger out of status',
    file: 'src/gating/denials.ts',
    guard: 'const { lines, recent } = isHonest ? this.#honest : this.#strange',
    gone: 'const { lines } = isHonest ? this.#honest : this.#strange\n    const { recent } = this.#strange',
    test: unit('gating/gate.test.ts', 'should remember a stranger'),
  },
  {
    name: 'operator: what was approved since waits no more',
    file: 'src/cli/policy-view.ts',
    guard: "(approved.get(nameOf(d)) ?? -1) < (numberAt(d, 'lastAtMs') ?? 0)",
    gone: "!approved.has('') && nameOf(d).length > 0",
    test: unit('cli/policy-view.test.ts', 'approved since'),
  },
  {
    name: 'operator: a bridge that asks for nonsense does not fill the screen',
    file: 'src/cli/policy-view.ts',
    guard: 'layout === WIDE ? Number.POSITIVE_INFINITY : MOST_SHOWN',
    gone: 'layout === WIDE ? Number.POSITIVE_INFINITY : 100 * MOST_SHOWN',
    test: unit('cli/policy-view.test.ts', 'the youngest'),
  },
]
