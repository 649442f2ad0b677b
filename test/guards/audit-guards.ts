import type { Guard } from './guards.ts'

const unit = (file: string, name?: string): Guard['test'] => ({
  project: 'unit',
  file: `test/unit/${file}`,
  ...(name === undefined ? {} : { name }),
})
const GRANTS = 'src/node/grants.ts'
const JOURNAL = 'src/store/group-journal/journal.ts'
const FORMAT = 'src/store/group-journal/format.ts'
const READ = 'src/store/group-journal/read.ts'
const S2_RULES = 'src/node/config/s2-rules.ts'

/** What a client may do, what is written down of it, and whose seed is served. */
export const AUDIT_GUARDS: readonly Guard[] = [
  {
    name: 'rights: incident 21: what is not listed is denied',
    file: GRANTS,
    guard: "    if (grant === undefined || !grant.methods.includes(method)) return 'not_granted'\n",
    gone: "    if (grant === undefined) return 'not_granted'\n",
    test: unit('node/rpc-grants.test.ts', 'not listed'),
  },
  {
    name: 'rights: a key that is not named is denied',
    file: GRANTS,
    guard: "    if (need.key !== undefined && !coversKey(grant.keys, need.key)) return 'not_granted'\n",
    gone: '    void coversKey\n',
    test: unit('node/rpc-grants.test.ts', 'implicit deny'),
  },
  {
    name: 'rights: a secret leaves only with a right of its own',
    file: GRANTS,
    guard: "    if (need.exports === true && !grant.allowSecretExport) return 'not_granted'\n",
    gone: '',
    test: unit('node/rpc-grants.test.ts', 'a secret'),
  },
  {
    name: 'rights: 32 bytes are signed as they are only with a right of its own',
    file: GRANTS,
    guard: "    if (need.raw === true && !grant.allowRawSign) return 'not_granted'\n",
    gone: '',
    test: unit('node/rpc-grants.test.ts', 'a raw signature'),
  },
  {
    name: 'rights: keys of the key service are named one by one',
    file: 'src/node/config/key-names.ts',
    guard: "[THRESHOLD_KEY, 's2/*']",
    gone: "[THRESHOLD_KEY, 's2/*', 'keys/*']",
    test: unit('node/config.test.ts', 'each bridge section'),
  },
  {
    name: 'rights: R27: who may not use the group key does not vote',
    file: 'src/node/config/counted.ts',
    guard: 'methods.includes(VOTING_METHOD) && coversKey(keys, THRESHOLD_KEY)',
    gone: 'methods.includes(VOTING_METHOD) && (keys.length >= 0 || coversKey(keys, THRESHOLD_KEY))',
    test: unit('node/config.test.ts', 'may not use the group key'),
  },
  {
    name: 'audit: a line is on disk before anybody is told',
    file: JOURNAL,
    guard: '      await this.#write(bytes)\n',
    gone: '      this.#write(bytes).catch(() => {})\n',
    test: unit('store/group-journal.test.ts', 'refuse'),
  },
  {
    name: 'audit: after one failed write nothing is taken any more',
    file: JOURNAL,
    guard: '    this.#fatal = error\n',
    gone: '',
    test: unit('store/group-journal.test.ts', 'every later one'),
  },
  {
    name: 'audit: a file that another process changed is not written to',
    file: JOURNAL,
    guard: '    if (found !== size)\n',
    gone: '    if (found < 0)\n',
    test: unit('store/group-journal.test.ts', 'all that wait'),
  },
  {
    name: 'audit: a changed line is found by its hash',
    file: FORMAT,
    guard: '  if (hashOfLine(journal, at?.prev ?? head?.prev ?? NO_HASH, seq, payload) !== hash)\n',
    gone: '  if (hashOfLine(journal, at?.prev ?? head?.prev ?? NO_HASH, seq, payload).length !== hash.length)\n',
    test: unit('store/group-journal.test.ts', 'somebody changed'),
  },
  {
    name: 'audit: a signature is of whom it names',
    file: FORMAT,
    guard: '  return isSigned(by, hash, signature)\n',
    gone: '  return isSigned(by, hash, signature) || by.length > 0\n',
    test: unit('store/group-journal.test.ts', 'another key'),
  },
  {
    name: 'audit: a whole line that claims a signature is not what a crash left',
    file: READ,
    guard: 'if (lines.length === 0 || claimsSignature(bytes.subarray(start)))',
    gone: 'if (lines.length === 0 || (lines.length < 0 && claimsSignature(bytes.subarray(start))))',
    test: unit('store/group-journal.test.ts', 'somebody changed'),
  },
  {
    name: 'audit: lines of a sync without its signature do not count',
    file: READ,
    guard: 'lines: lines.slice(0, whole)',
    gone: 'lines: lines.slice(0, Math.max(whole, lines.length))',
    test: unit('store/group-journal.test.ts', 'whole sync'),
  },
  {
    name: 'audit: a file follows the end of the one before',
    file: READ,
    guard: '  if (last === undefined || file.head.prev !== last.hash ||',
    gone: '  if (last === undefined ||',
    test: unit('store/group-journal.test.ts', 'between files'),
  },
  {
    name: 'seed: incident 20: another seed than the pinned one is refused',
    file: 'src/signer/s2-seed.ts',
    guard: '  if (found === expected) return { seed, owner }\n',
    gone: '  if (found.length === expected.length) return { seed, owner }\n',
    test: unit('signer/s2-seed.test.ts', 'incident 20'),
  },
  {
    name: 'seed: R32: what proves continuity is not copied with the data folder',
    file: S2_RULES,
    guard: '    if (path !== undefined && isInside(beside.dataDir, path))\n',
    gone: "    if (path !== undefined && isInside(beside.dataDir, '/'))\n",
    test: unit('node/config-s2.test.ts', 'R32'),
  },
  {
    name: 'seed: R33: reference mode on mainnet waits for the end of the service before',
    file: S2_RULES,
    guard:
      "  if (nonce_mode === 'reference' && beside.registry.chain_id === MAINNET_CHAIN_ID && !s2.reference_retired)\n",
    gone: "  if (nonce_mode !== 'reference' && beside.registry.chain_id < MAINNET_CHAIN_ID)\n",
    test: unit('node/config-s2.test.ts', 'R33'),
  },
  {
    name: 'seed: R32: a seed from elsewhere is not taken for unused',
    file: 'src/node/new-seed.ts',
    guard: 'rawFile === undefined || isSaidUnused',
    gone: 'rawFile === undefined || isSaidUnused || rawFile.length > 0',
    test: unit('cli/init.test.ts', 'R32'),
  },
  {
    name: 'keys: incident 20: the identity of the key service is not made anew under another key',
    file: 'src/node/service-identity.ts',
    guard: '  if (others.length > 0)\n',
    gone: '  if (others.length < 0)\n',
    test: unit('node/service-identity.test.ts', 'incident 20'),
  },
  {
    name: 'health: R32: a store that proves nothing is red',
    file: 'src/node/operator-view.ts',
    guard: "  s2 === null || s2.continuity === 'proven'\n",
    gone: '  s2 === null || s2.generation >= 0\n',
    test: unit('node/operator-view.test.ts', 'R32'),
  },
]
