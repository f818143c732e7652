// Commands told what they do not know: they say how they are used, and do nothing.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'

const commands: Record<string, RegExp> = {
  'demo/demo.ts': /npm run demo/,
  'fuzz/fuzz.ts': /npm run fuzz/,
  'ova-vm/test-ova.ts': /npm run test-ova/,
  'ova-vm/reproducible.ts': /npx node test\/ova-vm\/reproducible\.ts/,
}
const run = (path: string, ...args: string[]) =>
  spawnSync(process.execPath, [join(import.meta.dirname, path), ...args], { encoding: 'utf8' })

for (const [path, usage] of Object.entries(commands)) {
  t.test(`${path} refuses an option that it does not know, with its usage`, async t => {
    for (const args of [['--nope'], ['--json=yes'], ['--help=yes']]) {
      const { status, stdout, stderr } = run(path, ...args)
      t.equal(status, 2, args.join(' '))
      t.equal(stdout, '')
      t.match(stderr, /^[^\n]*--(nope|json|help)[^\n]*\n\n/, 'in one line, without a stack')
      t.match(stderr, usage)
    }
  })

  t.test(`${path} says how it is used`, async t => {
    const { status, stdout } = run(path, '--help')
    t.equal(status, 0)
    t.match(stdout, usage)
    t.match(stdout, /--help/)
  })
}

t.test('what is to be compared is one OVA', async t => {
  const { status, stderr } = run('ova-vm/reproducible.ts', 'a.ova', 'b.ova')
  t.equal(status, 2)
  t.match(stderr, /One OVA/)
})
