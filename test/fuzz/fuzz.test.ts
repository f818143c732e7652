// The short form of the fuzz, and that its judge sees what it is there to see.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'
import { ensureTools, run, tools } from '../lab/tools.ts'
import { type FuzzResult, command as repeats } from './fuzz.ts'

const seed = 20_261_121

async function command(args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'fuzz.ts'), ...args], { stdio: 'pipe' })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  const [status] = await once(child, 'close')
  return { status, stdout, stderr }
}

t.test('asked by its own document, the API answers as the document says, to whoever may ask', async t => {
  const { status, stdout, stderr } = await command(['--cases', '900', '--seed', String(seed), '--json'])
  t.ok(stdout.includes('{'), `the fuzz came to its end:\n${stderr.slice(-3000)}`)
  const result: FuzzResult = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
  for (const pass of result.passes) {
    t.strictSame(pass.failures, [], `${pass.pass}: npm run fuzz -- --seed ${seed} --cases 900`)
    t.strictSame(pass.onlyThrottled, [], pass.pass)
    t.ok(pass.operations > 75, `${pass.pass} asked ${pass.operations} operations`)
  }
  t.strictSame(
    result.passes.map(({ pass }) => pass),
    ['stranger', 'reader', 'operator', 'administrator'],
  )
  t.strictSame(result.internal, [], 'the log of the appliance names no internal error')
  t.ok(result.alive, 'the appliance still ran')
  t.ok(result.cases > 2000, `${result.cases} cases`)
  // That the requests got far enough to find something.
  const [stranger, , , administrator] = result.passes
  t.ok((stranger?.statuses['401'] ?? 0) > 500, 'strangers are refused')
  t.ok((administrator?.operations ?? 0) - (administrator?.neverSucceeded.length ?? 0) > 45, 'many operations succeeded')
  t.equal(status, result.ok ? 0 : 1)
  t.ok(result.ok)
})

t.test('a fuzz is repeated by its seed, its number of cases and the passes that were asked for', async t => {
  t.equal(repeats({ seed: 7, cases: 900 }), 'npm run fuzz -- --seed 7 --cases 900')
  t.equal(
    repeats({ seed: 7, cases: 50, only: ['reader', 'operator'] }),
    'npm run fuzz -- --seed 7 --cases 50 --only reader --only operator',
  )
  t.equal(
    repeats({ seed: 7, cases: 50, only: ['operator', 'administrator', 'stranger', 'reader'] }),
    'npm run fuzz -- --seed 7 --cases 50',
  )
})

t.test('the judge sees errors without a name, leaks, unknown codes, and answers to whoever may not ask', async t => {
  await ensureTools(['python'])
  const script = `
import json, sys
sys.path.insert(0, ${JSON.stringify(import.meta.dirname)})
from judge import Judge
judge = Judge({"INTERNAL": 500, "STORE_DAMAGED": 500, "VCENTER_UNREACHABLE": 502, "NOT_FOUND": 404})
body = lambda code, message="": json.dumps({"code": code, "message": message, "hint": ""}).encode()
rows = [
    ("internal", 500, body("INTERNAL")), ("damaged", 500, body("STORE_DAMAGED")), ("no body", 502, b""),
    ("other gateway", 502, body("INTERNAL")), ("upstream", 502, body("VCENTER_UNREACHABLE")), ("missing", 404, body("NOT_FOUND")),
    ("stack", 404, body("NOT_FOUND", "Error\\n    at x (file:///a.ts:1)")), ("unknown", 404, body("NEW")), ("no JSON", 404, b"<html>"),
]
for name, status, content in rows:
    judge.body(name, status, "application/json", content, "curl")
judge.access("let in", False, 200, b"{}", "curl")
judge.access("told of its form", False, 400, b"{}", "curl")
judge.access("refused", False, 401, b"{}", "curl")
judge.access("may", True, 200, b"{}", "curl")
print(json.dumps({"upstream": judge.report()["upstream"], "seen": sorted({(f["operation"], f["check"]) for f in judge.failures.values()})}))
`
  const text = await run(tools.python, ['-B', '-c', script])
  t.strictSame(JSON.parse(text), {
    upstream: { '502 VCENTER_UNREACHABLE': 1 },
    seen: [
      ['damaged', 'server error'],
      ['internal', 'server error'],
      ['let in', 'reached without the right'],
      ['no JSON', 'error is no JSON'],
      ['no body', 'server error'],
      ['other gateway', 'server error'],
      ['stack', 'leak'],
      ['told of its form', 'reached without the right'],
      ['unknown', 'unknown code'],
    ],
  })
})

t.test('the command says what it takes, and refuses what it does not know', async t => {
  t.match(await command(['--help']), { status: 0, stdout: /--cases N/ })
  t.match(await command(['--only', 'king']), { status: 2, stderr: /No such pass: king/ })
  t.match(await command(['--cases', 'many']), { status: 2, stderr: /How many cases/ })
})
