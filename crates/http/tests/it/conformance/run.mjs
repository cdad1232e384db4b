// Runs the suite `http-cache-tests` with its own runner against a proxy, and prints each test's result in a line.
// Arguments: the suite's `client/runner.mjs`, the proxy's URL.

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [runner, proxy] = process.argv.slice(2)
const load = path => import(pathToFileURL(path).href)
const engine = dirname(dirname(runner))
const { runTests, getResults } = await load(runner)
// Where the suite has its tests and its judgement has changed over its versions.
const here = join(engine, 'tests/index.mjs')
const { default: suites } = await load(existsSync(here) ? here : join(engine, '../tests/index.mjs'))
const judge = join(engine, 'lib/results.mjs')
const { determineTestResult } = await load(existsSync(judge) ? judge : join(engine, 'lib/display.mjs'))

// Earlier versions are handed what they fetch with.
if (runTests.length > 3) await runTests(suites, createRequire(runner)('node-fetch'), false, proxy)
else await runTests(suites, false, proxy)

const results = getResults()
for (const suite of suites) {
  for (const test of suite.tests) {
    // What browsers, shared caches and content networks alone are asked is not asked of a private client.
    if (test.browser_skip || test.browser_only || test.cdn_only) continue
    const [, , mark] = determineTestResult(suites, test.id, results)
    const result = results[test.id]
    const why = Array.isArray(result) ? result.join(': ') : ''
    console.log(JSON.stringify({ id: test.id, kind: test.kind ?? 'required', passed: '✅Y'.includes(mark), why }))
  }
}
process.exit(0)
