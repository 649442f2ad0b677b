import { accept, refuse } from '../../base/index.ts'
import { type S2Keys, type WalletTweak, walletPublicKey, walletSign } from '../../crypto/index.ts'
import { ed25519, taggedHash } from '../../curve/index.ts'
import { mapInSlices } from './slices.ts'
import type { P2pScheme, S2Outcome, SchnorrItem, SchnorrTarget } from './types.ts'

/** What a P2P message is hashed under, so that its signature stands for nothing else. */
export const P2P_TAG = 'countersign/p2p'
const UNTWEAKED: WalletTweak = { kind: 'none' }

type WalletKeys = Pick<S2Keys, SchnorrTarget | 'p2p' | 'p2pEd25519'>

/** The keys of a seed that sign whatever their owner asks for, any number of times. */
export class Wallets {
  readonly #keys: WalletKeys
  readonly #publicKeys: Readonly<Record<SchnorrTarget | P2pScheme, Uint8Array>>

  constructor(keys: WalletKeys) {
    this.#keys = keys
    this.#publicKeys = {
      general: walletPublicKey(keys.general, UNTWEAKED),
      stakechain: walletPublicKey(keys.stakechain, UNTWEAKED),
      musig2: walletPublicKey(keys.musig2, UNTWEAKED),
      bip340: walletPublicKey(keys.p2p, UNTWEAKED),
      ed25519: edPublicKey(keys.p2pEd25519),
    }
  }

  publicKey(of: SchnorrTarget | P2pScheme): Uint8Array {
    return this.#publicKeys[of].slice()
  }

  schnorrSign(target: SchnorrTarget, items: readonly SchnorrItem[]): Promise<readonly S2Outcome[]> {
    return mapInSlices(items.map(copyItem), ({ digest, tweak }): S2Outcome => {
      try {
        return accept(walletSign(this.#keys[target], digest, tweak))
      } catch (error) {
        // A digest, root or tweak of a wrong length, a tweak beyond the group order, or one that cancels the key out.
        if (error instanceof TypeError) return refuse('BAD_REQUEST')
        throw error
      }
    })
  }

  p2pSign(scheme: P2pScheme, message: Uint8Array): Uint8Array {
    if (scheme === 'bip340') return walletSign(this.#keys.p2p, taggedHash(P2P_TAG, message), UNTWEAKED)
    return edSign(message, this.#keys.p2pEd25519)
  }
}

const edPublicKey = (seed: Uint8Array): Uint8Array => ed25519.publicKeyOf(seed)
const edSign = (message: Uint8Array, seed: Uint8Array): Uint8Array => ed25519.sign(message, seed)

const copyItem = ({ digest, tweak }: SchnorrItem): SchnorrItem => ({
  digest: Uint8Array.from(digest),
  tweak:
    tweak.kind === 'none'
      ? tweak
      : {
          kind: 'taproot',
          merkleRoot: tweak.merkleRoot === null ? null : Uint8Array.from(tweak.merkleRoot),
          ...(tweak.keyTweak === undefined ? {} : { keyTweak: Uint8Array.from(tweak.keyTweak) }),
        },
})
