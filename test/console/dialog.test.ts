import t from 'tap'
import { LeftAlone } from '../../appliance/console/dialog.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { consoleLab } from './console-lab.ts'

const choices = [
  { key: '1', label: 'One', value: 'one' },
  { key: '2', label: 'Two', value: 'two' },
]

t.test('a menu takes numbers, or arrows and Enter; Escape goes back', async t => {
  const { ui, terminal } = await consoleLab(t.testdir())
  const choose = async (script: string) => {
    terminal.play(script)
    return await ui.menu('Menu', ['Text'], choices)
  }
  t.equal(await choose('x2'), 'two')
  t.equal(await choose('{down}{down}{enter}'), 'two')
  t.equal(await choose('{down}{up}{up}{enter}'), 'one')
  t.equal(await choose('{escape}'), undefined)
})

t.test('only y says yes: Enter, blanks and other letters do nothing', async t => {
  const { ui, terminal } = await consoleLab(t.testdir())
  const confirm = async (script: string) => {
    terminal.play(script)
    return await ui.confirm('Sure', [' a '.repeat(60)])
  }
  t.equal(await confirm('{enter} jxY'), true)
  t.equal(await confirm('n'), false)
  t.equal(await confirm('{escape}'), false)
  t.strictSame(terminal.cutLines, [])
  await t.rejects(confirm('{enter}'), LeftAlone)
})

t.test('after five minutes without a key every screen is left, and not before', async t => {
  const { ui, terminal } = await consoleLab(t.testdir())
  await t.rejects(ui.tell('Text', ['x']), LeftAlone)
  t.equal(terminal.nowMs, 300_000)
  terminal.play('typed')
  await t.rejects(
    ui.form('Form', [], { fields: [{ kind: 'secret', name: 'a', label: 'A', value: '', maxLength: 9 }] }),
    LeftAlone,
  )
  t.equal(terminal.nowMs, 600_000)
})

t.test('a screen that nothing changes does not wake up in between', async t => {
  const { ui, terminal } = await consoleLab(t.testdir())
  const waits: number[] = []
  const next = terminal.nextKey.bind(terminal)
  terminal.nextKey = async ms => {
    waits.push(ms)
    return await next(ms)
  }
  await t.rejects(ui.menu('Menu', [], choices), LeftAlone)
  await t.rejects(ui.tell('Text', ['x']), LeftAlone)
  t.strictSame(waits, [300_000, 300_000])
  t.equal(ui.untouchedMs, 600_000)
  terminal.play('x')
  await ui.key(5_000)
  await ui.key(5_000)
  t.strictSame(waits.slice(2), [5_000, 5_000])
  t.equal(ui.untouchedMs, 5_000)
})

t.test('a long text is paged through, and says where it is', async t => {
  const { ui, terminal } = await consoleLab(t.testdir())
  const lines = Array.from({ length: 50 }, (_, index) => `line ${index + 1}`)
  terminal.play('{pageDown}{down}{end}{pageDown}{up}{home}{up} {pageUp}{enter}')
  await ui.read('Text', lines)
  const places = terminal.screens.map(screen => /Lines (\d+)-(\d+) of 50/.exec(screen)?.slice(1).join('-'))
  t.strictSame(places, ['1-20', '21-40', '22-41', '31-50', '30-49', '1-20', '21-40', '1-20'])
  terminal.play('{escape}')
  await ui.read('Text', lines, 'end')
  t.match(terminal.screens.at(-1), /line 31[\s\S]*line 50/)
})

t.test('an error is its message, what to do, and its code', async t => {
  const { ui, terminal } = await consoleLab(t.testdir())
  terminal.play('{enter}')
  await ui.fail('Time', new ApplianceError('MACHINE_FAILED', 'timedatectl failed: \x1b[2Jno', { hint: 'Try again.' }))
  t.match(terminal.screens.at(-1), /timedatectl failed: no\n\n Try again\.\n\n \(MACHINE_FAILED\)/)
})

t.test('work is waited for, keys meanwhile are forgotten, and what it ends with is passed on', async t => {
  const { ui, terminal } = await consoleLab(t.testdir())
  t.equal(await ui.work('Work', 'Working', Promise.resolve(7)), 7)
  t.ok(terminal.screens.includes('keys dropped'))
  await t.rejects(ui.work('Work', 'Working', Promise.reject(new Error('no'))), /no/)
})
