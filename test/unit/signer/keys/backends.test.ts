import { KEY_SCHEMES, KEY_TYPES, type KeyBackend } from '../../../../src/signer/index.ts'
import { tempFolders } from '../../store/temp-folder.ts'
import { describeBackend } from './conformance.ts'
import { fileBackend, type KeyNode, keyNode, memoryBackend } from './support.ts'

const tempFolder = tempFolders()
const node = () => keyNode(tempFolder())
const software = { types: KEY_TYPES, schemes: KEY_SCHEMES, agree: true, export: true, import: true } as const

describeBackend({ name: 'file', can: { name: 'file', ...software }, durable: true, node, make: fileBackend })
describeBackend({ name: 'memory', can: { name: 'memory', ...software }, durable: false, node, make: memoryBackend })

/** As many devices are: one curve, one scheme, and nothing goes in or out. */
const DEVICE = {
  name: 'device',
  types: ['secp256k1'],
  schemes: ['ecdsa'],
  agree: false,
  export: false,
  import: false,
} as const
/** Its secrets outlive a stop, and it has no method for what it can't do: asking is an error of the service. */
const devices = new WeakMap<KeyNode, KeyBackend>()
function device(of: KeyNode): KeyBackend {
  const inside = devices.get(of) ?? memoryBackend(of)
  devices.set(of, inside)
  const never = () => Promise.reject(new Error('the device was asked for what it said that it cannot do'))
  return {
    can: DEVICE,
    start: () => inside.start(),
    stop: async () => {},
    generate: (label) => (label.type === 'secp256k1' ? inside.generate(label) : never()),
    check: (handle) => inside.check(handle),
    sign: (handle, scheme, digest) => (scheme === 'ecdsa' ? inside.sign(handle, scheme, digest) : never()),
    agree: never,
    exportSealed: never,
    recipient: never,
    importSealed: never,
    destroy: (ref) => inside.destroy(ref),
    refs: () => inside.refs(),
  }
}
describeBackend({ name: 'device', can: DEVICE, durable: true, node, make: device })
