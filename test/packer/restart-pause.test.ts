// The pause before hoist.service is started again: its script under the shells there are, and what the unit makes of it.
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'

const rootfs = join(import.meta.dirname, '../../packer/rootfs')
const script = join(rootfs, 'usr/lib/hoist/restart-pause')
const unit = readFileSync(join(rootfs, 'etc/systemd/system/hoist.service'), 'utf8')

/** The unit's runtime directory, and a sleep that only says how long. */
function machine(t: Test) {
  const directory = t.testdir()
  const bin = join(directory, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'sleep'), '#!/bin/sh\necho "$1"\n')
  chmodSync(join(bin, 'sleep'), 0o755)
  const file = join(directory, 'failures')
  const run = (word: string, env: Record<string, string> = {}) =>
    execFileSync('/bin/sh', [script, word], {
      env: { PATH: `${bin}:/usr/bin:/bin`, RUNTIME_DIRECTORY: directory, ...env },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  return {
    file,
    /** Seconds; what real time has passed meanwhile counts, too. */
    wait: () => Number(run('wait') || 0),
    end: (result: string) => run('note', { SERVICE_RESULT: result }),
    /** Failures happened so many seconds earlier. */
    age(seconds: number) {
      const [count, last] = readFileSync(file, 'utf8').trim().split(' ')
      writeFileSync(file, `${count} ${Number(last) - seconds}\n`)
    },
  }
}

const near = (t: Test, seconds: number, wanted: number) =>
  t.ok(seconds <= wanted && seconds >= wanted - 3, `${seconds} s, wanted ${wanted}`)

t.test('the first start does not wait; each failure in a row doubles the pause, up to five minutes', async t => {
  const service = machine(t)
  t.equal(service.wait(), 0)
  for (const wanted of [5, 10, 20, 40, 80, 160, 300, 300, 300, 300, 300, 300, 300]) {
    service.end('exit-code')
    near(t, service.wait(), wanted)
  }
})

t.test('every way to fail counts: watchdog, signal, out of memory, a start that took too long', async t => {
  const service = machine(t)
  for (const [result, wanted] of [
    ['watchdog', 5],
    ['signal', 10],
    ['oom-kill', 20],
    ['timeout', 40],
    ['protocol', 80],
  ] as const) {
    service.end(result)
    near(t, service.wait(), wanted)
  }
})

t.test('whoever stops or restarts it on purpose does not wait, and the count begins anew', async t => {
  const service = machine(t)
  for (let times = 0; times < 6; times++) service.end('exit-code')
  service.end('success')
  t.notOk(existsSync(service.file))
  t.equal(service.wait(), 0)
  service.end('exit-code')
  near(t, service.wait(), 5)
})

t.test('a failure after a good while is the first again, and the time since then is not waited for twice', async t => {
  const service = machine(t)
  for (let times = 0; times < 8; times++) service.end('exit-code')
  service.age(200)
  near(t, service.wait(), 100)
  service.age(200)
  t.equal(service.wait(), 0)
  service.end('exit-code')
  near(t, service.wait(), 300)
  service.age(1_300)
  service.end('exit-code')
  near(t, service.wait(), 5)
})

t.test('a service that fails for an hour is tried a dozen times at least, and no more than two dozen', async t => {
  const service = machine(t)
  let starts = 0
  let passed = 0
  while (passed < 3_600) {
    starts += 1
    service.end('exit-code')
    // RestartSec=, and a start that fails after three seconds.
    passed += service.wait() + 2 + 3
  }
  t.ok(starts >= 12 && starts <= 24, `${starts}`)
})

t.test('a file that is none stops nobody', async t => {
  const service = machine(t)
  for (const text of ['', '\n', 'x', '3', '3 x', '-1 -1', '$(reboot) 1', '3 4 5', '1,2 3']) {
    writeFileSync(service.file, text)
    t.equal(service.wait(), 0, JSON.stringify(text))
    service.end('exit-code')
    near(t, service.wait(), 5)
  }
})

t.test('the unit runs it before and after, survives its failure, and never gives up', async t => {
  t.ok(statSync(script).mode & 0o100, 'it is executable')
  for (const line of [
    'ExecStartPre=-/usr/lib/hoist/restart-pause wait',
    'ExecStopPost=-/usr/lib/hoist/restart-pause note',
    'RuntimeDirectoryPreserve=restart',
    'Restart=always',
    'StartLimitIntervalSec=0',
  ])
    t.ok(unit.split('\n').includes(line), line)
  // The longest pause has to end before systemd takes the start for one that hangs.
  t.match(unit, /^TimeoutStartSec=10min$/m)
  t.match(unit, /^ExecPaths=.*\/usr( |$)/m)
})
