/**
 * Takes each guard of the table out in turn and shows its test going red: `npm run test:guards [words of a guard's name]`.
 * Works on a copy, so the tree stays as it is. Exits 1 if a guard can go without any test noticing,
 * 64 if the words name no guard.
 */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { chosenOrExit } from '../chosen.ts'
import { ALL_GUARDS } from './all.ts'
import type { Guard } from './guards.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const COPIED = ['src', 'test', 'bench', 'config', 'contracts', 'docs', 'bin', 'dist', 'package.json', 'tsconfig.json']
const RUN_MS = 300_000

interface TestRun {
  readonly failed: readonly string[]
  readonly passed: number
}

async function runTest(dir: string, { project, file, name }: Guard['test']): Promise<TestRun> {
  const output = join(dir, 'guard-run.json')
  await rm(output, { force: true })
  const args = ['run', '--project', project, file, '--reporter=json', `--outputFile=${output}`]
  if (name !== undefined) args.push('-t', name)
  // A red test is an exit code, which is what is looked for; the report says more.
  await promisify(execFile)(join(ROOT, 'node_modules/.bin/vitest'), args, { cwd: dir, timeout: RUN_MS }).catch(() => {})
  const report = JSON.parse(await readFile(output, 'utf8'))
  const results: { readonly status: string; readonly fullName: string }[] = report.testResults.flatMap(
    (f: { readonly assertionResults: unknown }) => f.assertionResults,
  )
  return {
    failed: results.filter((r) => r.status === 'failed').map((r) => r.fullName),
    passed: results.filter((r) => r.status === 'passed').length,
  }
}

/** The file without the guard. Throws if the guard is not there, or not once: the table must follow the code. */
async function without({ name, file, guard, gone }: Guard): Promise<string> {
  const text = await readFile(join(ROOT, file), 'utf8')
  if (text.split(guard).length !== 2) throw new Error(`${name}: ${file} does not hold the guard exactly once`)
  return text.replace(guard, () => gone)
}

/** Of each test as it is, once: several guards share one. */
const whole = new Map<string, TestRun>()
async function runWhole(dir: string, test: Guard['test']): Promise<TestRun> {
  const key = JSON.stringify(test)
  const known = whole.get(key) ?? (await runTest(dir, test))
  whole.set(key, known)
  return known
}

async function judge(dir: string, g: Guard): Promise<boolean> {
  const mutated = await without(g)
  const whole = await runWhole(dir, g.test)
  if (whole.failed.length > 0 || whole.passed === 0) {
    console.log(
      `BROKEN  ${g.name}: with its guard, ${g.test.file} has ${whole.failed.length} failed of ${whole.passed}`,
    )
    return false
  }
  await writeFile(join(dir, g.file), mutated)
  const { failed } = await runTest(dir, g.test)
  await cp(join(ROOT, g.file), join(dir, g.file))
  console.log(
    failed.length === 0
      ? `UNSEEN  ${g.name}: ${g.test.file} stays green without it`
      : `red     ${g.name}: ${failed[0]}${failed.length > 1 ? `, and ${failed.length - 1} more` : ''}`,
  )
  return failed.length > 0
}

const chosen = chosenOrExit("npm run test:guards [words of a guard's name]", ALL_GUARDS, (g) => g.name)
const dir = await mkdtemp(join(tmpdir(), 'countersign-guards-'))
try {
  for (const name of COPIED) await cp(join(ROOT, name), join(dir, name), { recursive: true })
  await cp(join(ROOT, 'vitest.config.ts'), join(dir, 'vitest.config.ts'))
  await symlink(join(ROOT, 'node_modules'), join(dir, 'node_modules'))
  let seen = 0
  for (const guard of chosen) if (await judge(dir, guard)) seen++
  console.log(`${seen} of ${chosen.length} guards are missed by a test when they are gone`)
  if (seen < chosen.length) process.exitCode = 1
} finally {
  await rm(dir, { recursive: true, force: true })
}
