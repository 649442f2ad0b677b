import { join, resolve } from 'node:path'
import type { NewSeed } from '../node/index.ts'

/** Where `init` and `s2 init` put what belongs to a seed. */
export const seedPlacesIn = (dir: string) => ({
  seedFile: join(dir, 's2.seed'),
  offlineCopy: join(dir, 's2.seed.offline'),
  instanceFile: join(dir, 's2.instance'),
})

/** What is left to do for the operator, as sentences. `rawFile` is where an imported seed came from. */
export const seedSteps = ({ isUnused }: Pick<NewSeed, 'isUnused'>, rawFile: string | undefined): readonly string[] => [
  ...(rawFile === undefined ? [] : [`Erase ${resolve(rawFile)} (and its copies): it is the seed, unsealed.`]),
  'Move the offline copy of the seed off this machine, as that of the key.',
  ...(isUnused
    ? []
    : [
        'Stop whatever used this seed before. Then bring its journal (`countersign s2 journal import FILE`), or read docs/S2.md and accept by name (`countersign s2 accept --instance NAME`; `countersign s2 status` shows the name): until then what may be used once only is refused.',
      ]),
]
