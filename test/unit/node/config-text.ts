import type { PublicKey } from '../../../src/base/index.ts'

/** A good config of the least that must be said, with more lines in some places. */
export function configText(
  self: PublicKey,
  more: {
    readonly head?: string
    readonly registry?: string
    /** As TOML; any free TCP port of this machine, unless said. */
    readonly listen?: string
    readonly p2p?: string
    /** Further sections. */
    readonly tail?: string
  } = {},
): string {
  return `${more.head ?? ''}
[identity]
key_file = "signer.key"
public_key = "${self}"
passphrase_file = "pass"
[registry]
network = "testnet"
chain_id = 2147483648
contract = "ST000000000000000000002AMW42H.sbtc-registry"
endpoints = ["http://127.0.0.1:20443"]
${more.registry ?? ''}
[p2p]
listen = ${more.listen ?? '["/ip4/127.0.0.1/tcp/0"]'}
${more.p2p ?? ''}
${more.tail ?? ''}
`
}
