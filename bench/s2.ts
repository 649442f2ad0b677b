/**
 * What the secret service computes, beside baselines in the same process: `npm run bench:s2 [words of a section's name]`. Figures
 * gate nothing; exits 1 if a part of it could not be measured.
 */
import { curve } from '../src/curve/index.ts'
import { versionsLine } from './baseline/versions.ts'
import { lineOf, type Section } from './rounds/row.ts'
import { burst } from './s2/burst.ts'
import { chainSteps } from './s2/chains.ts'
import { depositRows } from './s2/deposit.ts'
import { musig2Rows } from './s2/musig2.ts'
import { serviceRows } from './s2/service.ts'

/** In the order of the report. */
const SECTIONS: Readonly<Record<string, Section>> = {
  musig2: async function* () {
    yield* musig2Rows()
  },
  service: serviceRows,
  chains: chainSteps,
  burst: async function* () {
    yield* burst()
  },
  deposit: depositRows,
}

const words = process.argv.slice(2)
console.log(versionsLine(['secp256k1', '@noble/curves', '@vulpemventures/secp256k1-zkp']))
console.log(`curve backend: ${curve.name}; baseline: libsecp256k1-zkp in wasm, the same calls`)
for (const [name, section] of Object.entries(SECTIONS)) {
  if (!words.every((word) => name.includes(word))) continue
  try {
    for await (const row of await section()) console.log(lineOf(row))
  } catch (error) {
    // What was measured before and what comes after is worth as much as ever.
    console.error(error)
    process.exitCode = 1
  }
}
