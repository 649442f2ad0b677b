#!/usr/bin/env node
// Plain old JavaScript on purpose: this file must still parse on a Node too old for the rest,
// so that the operator reads a sentence instead of a stack trace.
var NEEDED_MAJOR = 24

function main() {
  if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) {
    return import('../dist/cli/main.js').then((cli) => cli.main(process.argv.slice(2)))
  }
  process.stderr.write(
    'countersign: needs Node ' +
      NEEDED_MAJOR +
      ' or newer, but this is Node ' +
      process.versions.node +
      '.\n' +
      'Install a newer Node (https://nodejs.org), or run it inside the project with `npx countersign`, ' +
      'which uses the pinned one.\n',
  )
  process.exitCode = 78
  return Promise.resolve()
}

main().catch((error) => {
  if (error.code === 'ERR_MODULE_NOT_FOUND' && String(error.message).indexOf('dist/cli/main.js') !== -1) {
    process.stderr.write('countersign: not built yet; run `npm run build` in the project folder.\n')
  } else {
    process.stderr.write('countersign: ' + String(error.stack || error) + '\n')
  }
  process.exitCode = 70
})
