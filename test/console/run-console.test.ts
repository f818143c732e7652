import t from 'tap'
import { runConsole } from '../../appliance/console/run-console.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { type ConsoleLab, consoleLab } from './console-lab.ts'

/** Runs until the keys are used up and some minutes have passed: then the terminal is gone. */
async function run(lab: ConsoleLab, script: string, untilMs = 400_000) {
  const { terminal, parts } = lab
  terminal.play(script)
  const next = terminal.nextKey.bind(terminal)
  terminal.nextKey = async waitMs => {
    if (terminal.nowMs > untilMs) throw new Error('gone')
    return await next(waitMs)
  }
  await t.rejects(runConsole(terminal, parts), /gone/)
  return terminal.screens
}
const view = { version: '1.2.3', claimed: false, setupCode: 'KWTR-BHMX-PQNV-DGFJ', problems: [] }

t.test('the first screen follows what the service says, without being cleared in between', async t => {
  const lab = await consoleLab(t.testdir())
  let asked = 0
  const { api } = lab.parts
  lab.parts.api = async (method, path, options) => {
    asked++
    if (asked === 3) lab.answers.set('GET /api/local/console', { status: 200, body: view })
    if (asked === 6)
      lab.answers.set('GET /api/local/console', { status: 200, body: { ...view, claimed: true, setupCode: undefined } })
    return await api(method, path, options)
  }
  const screens = await run(lab, '', 50_000)
  const states = screens.map(screen => /Looking|starting|K W T R|being checked/.exec(screen)?.[0])
  t.strictSame(states, ['Looking', 'starting', 'K W T R', 'being checked'])
  t.equal(lab.terminal.screen.clears, 1)
  t.ok(asked >= 7 && asked <= 12, `every five seconds: ${asked}`)
})

t.test('while nobody types, the appliance is asked twice a minute, and the screen sleeps in between', async t => {
  const lab = await consoleLab(t.testdir())
  lab.answers.set('GET /api/local/console', { status: 200, body: view })
  const asked: number[] = []
  const { api } = lab.parts
  lab.parts.api = async (method, path, options) => {
    if (method === 'GET') asked.push(lab.terminal.nowMs)
    return await api(method, path, options)
  }
  const waits: number[] = []
  const next = lab.terminal.nextKey.bind(lab.terminal)
  lab.terminal.nextKey = async ms => {
    if (lab.terminal.nowMs > 1_000_000) lab.terminal.play('x')
    waits.push(ms)
    const key = await next(ms)
    if (key) throw new Error('typed')
    return key
  }
  await t.rejects(runConsole(lab.terminal, lab.parts), /typed/)
  const between = (from: number, to: number) => asked.filter(at => at >= from * 1000 && at < to * 1000).length
  t.ok(between(0, 120) >= 15 && between(0, 120) <= 25, `at first every five seconds: ${between(0, 120)}`)
  t.ok(between(200, 1000) >= 20 && between(200, 1000) <= 30, `then twice a minute: ${between(200, 1000)}`)
  // Besides while it reads: for the next look, and to send the screen whole.
  t.ok(waits.filter(ms => ms !== 500).length <= 80, `awakenings: ${waits.length}`)
  t.ok(lab.terminal.screen.clears >= 15, 'what the kernel has written over the screen goes away')
})

t.test('a service that does not come up is looked at every five seconds for two minutes, then less often', async t => {
  const lab = await consoleLab(t.testdir())
  lab.answers.clear()
  let asked = 0
  lab.parts.api = async () => {
    asked += 1
    throw new Error('nobody answers')
  }
  await run(lab, '', 600_000)
  t.ok(asked >= 25 && asked <= 45, `${asked}`)
})

t.test('numbers and arrows open what they name, Escape leads back, errors are shown and do no harm', async t => {
  const fail = new ApplianceError('MACHINE_FAILED', 'It failed.', { hint: 'Try again.' })
  const lab = await consoleLab(t.testdir(), { fail, state: { sshKey: true } })
  const screens = await run(lab, '3{escape}{down}{right}{enter}{escape}9{escape}6y{enter}0{escape}5{escape}', 10_000)
  const titles = screens
    .filter(screen => screen !== 'keys dropped')
    .map(screen => screen.split('\n')[0]?.trim())
    .filter((title, index, all) => title !== all[index - 1])
  t.strictSame(titles, [
    'Hoist 1.2.3',
    'Time',
    'Hoist 1.2.3',
    'SSH',
    'Hoist 1.2.3',
    'Restart',
    'Hoist 1.2.3',
    'SSH',
    'Hoist 1.2.3',
    'Factory reset',
    'Hoist 1.2.3',
    'Certificate',
    'Hoist 1.2.3',
  ])
  t.ok(screens.some(screen => /It failed\.\n\n Try again\.\n\n \(MACHINE_FAILED\)/.test(screen)))
  t.strictSame([lab.terminal.cutLines, lab.terminal.screen.faults], [[], []])
})

t.test('a screen that was left alone for five minutes gives way to the first', async t => {
  const lab = await consoleLab(t.testdir())
  const screens = await run(lab, '1', 700_000)
  t.match(
    screens.findLast(screen => screen.includes('Network and name\n\n')),
    /Host name/,
  )
  t.match(screens.at(-1), /^ Hoist 1\.2\.3/)
})

t.test('what was told in vain is told once the service answers', async t => {
  const lab = await consoleLab(t.testdir())
  lab.answers.clear()
  await run(lab, '7y{enter}', 5_000)
  t.strictSame(lab.asked, [])
  lab.answers.set('POST /api/local/console', { status: 204 }).set('GET /api/local/console', { status: 200, body: view })
  await lab.acts.deliver()
  t.strictSame(
    lab.said.filter(said => said.startsWith('console:')),
    ['console: updates done'],
  )
})
