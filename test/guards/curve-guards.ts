import type { Guard } from './guards.ts'

const unit = (file: string, name?: string): Guard['test'] => ({
  project: 'unit',
  file: `test/unit/curve/${file}`,
  ...(name === undefined ? {} : { name }),
})

/** The curve backend in C: what the addon would take and the port must not. */
export const CURVE_GUARDS: readonly Guard[] = [
  {
    name: 'curve: the addon itself is loaded, never the JavaScript that its package would put in its place',
    file: 'src/curve/native-addon.ts',
    guard: "addon: Addon = require('secp256k1/bindings.js')",
    gone: "addon: Addon = require('secp256k1')",
    test: unit('choose.test.ts', 'is no addon at all'),
  },
  {
    name: 'curve: a damaged addon is not loaded',
    file: 'src/curve/addon-file.ts',
    guard: ' || toHex(sha256(bytes)) !== wanted)',
    gone: ' || toHex(sha256(bytes)).length !== wanted.length)',
    test: unit('choose.test.ts', 'the addon'),
  },
  {
    name: 'curve: the addon is looked at before it is loaded',
    file: 'src/curve/native-addon.ts',
    guard: "if (checkAddonFile(file, builtin('node:fs').readFileSync(file)) === 'own') {",
    gone: 'if (checkAddonFile.length === 0) {',
    test: unit('choose.test.ts', 'bytes of the addon are left'),
  },
  {
    name: 'curve: an addon that was built here is tried where it may end a process',
    file: 'src/curve/native-addon.ts',
    guard: '    tryOwnBuild(file)\n',
    gone: '    void tryOwnBuild\n',
    test: unit('choose.test.ts', 'somebody built the addon here'),
  },
  {
    name: 'curve: nothing of a shared point is left behind',
    file: 'src/curve/native.ts',
    guard: 'zeroize(xbuf, ybuf, made)',
    gone: 'zeroize(xbuf, ybuf)',
    test: unit('ecdh-memory.test.ts'),
  },
  {
    name: 'curve: a backend that computes something else is not used',
    file: 'src/curve/choose.ts',
    guard: 'return wrong === undefined ? {',
    gone: 'return wrong !== null ? {',
    test: unit('choose.test.ts', 'computes something else'),
  },
  {
    name: 'curve: a sum takes no scalar beyond the order',
    file: 'src/curve/native-scalars.ts',
    guard: 'addScalars: (a, b) => {\n      check(a)\n',
    gone: 'addScalars: (a, b) => {\n',
    test: unit('backends.test.ts', 'scalar'),
  },
  {
    name: 'curve: a point has 33 bytes',
    file: 'src/curve/native.ts',
    guard: 'p.length === 33 && attempt(() => addon.publicKeyVerify(p))',
    gone: 'attempt(() => addon.publicKeyVerify(p))',
    test: unit('backends.test.ts', 'point'),
  },
  {
    name: 'curve: a key in its uncompressed form verifies nothing',
    file: 'src/curve/native.ts',
    guard: 'p.length === 33 && attempt(() => addon.ecdsaVerify',
    gone: 'attempt(() => addon.ecdsaVerify',
    test: unit('backends.test.ts', 'ECDSA'),
  },
  {
    name: 'curve: RFC 6979 over a digest beyond the order',
    file: 'src/curve/native.ts',
    guard: 'addon.ecdsaSign(reduce(digest), secret)',
    gone: 'addon.ecdsaSign(digest, secret)',
    test: unit('backends.test.ts', 'ECDSA'),
  },
  {
    name: 'curve: BIP340 gives no signature away that it has not verified',
    file: 'src/curve/bip340.ts',
    guard:
      "  if (!bip340Verify(c, signature, message, key)) throw new Error('BIP340: the signature just made is not valid')\n",
    gone: '',
    test: unit('bip340-parts.test.ts'),
  },
  {
    name: 'curve: BIP340 takes no R of odd Y',
    file: 'src/curve/bip340.ts',
    guard: 'R !== undefined && isEven(R) && equalBytes',
    gone: 'R !== undefined && equalBytes',
    test: unit('bip340.test.ts'),
  },
]
