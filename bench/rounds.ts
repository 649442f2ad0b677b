/**
 * What rounds cost, beside plain baselines in the same process: `npm run bench:rounds`. Figures gate nothing; exits 1 if a
 * part of it could not be measured.
 */
import { curve } from '../src/curve/index.ts'
import { versionsLine } from './baseline/versions.ts'
import { FROST_SECTIONS } from './rounds/frost.ts'
import { lineOf, type Section } from './rounds/row.ts'
import { signRounds } from './rounds/sign.ts'

const SECTIONS: readonly Section[] = [...FROST_SECTIONS, signRounds]

console.log(versionsLine(['@noble/curves', 'secp256k1', 'libp2p', '@libp2p/gossipsub']))
console.log(
  `curve backend: ${curve.name}; baseline: @noble/curves (schnorr_FROST) in the same process, whole rounds over signed gossip`,
)
for (const section of SECTIONS)
  try {
    for await (const row of await section()) console.log(lineOf(row))
  } catch (error) {
    // What was measured before and what comes after is worth as much as ever.
    console.error(error)
    process.exitCode = 1
  }
