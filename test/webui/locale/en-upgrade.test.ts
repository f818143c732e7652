// Words of upgrades: each phase and each outcome names the release that it is about.
import t from 'tap'
import { u } from '../../../webui/locale/en-upgrade.ts'
import { mistakes } from './texts.ts'

t.test('every text of upgrades is whole', async t => {
  t.strictSame(mistakes(u), [])
})

t.test('each phase of an upgrade names the release', async t => {
  for (const phase of ['handing', 'preparing', 'trying', 'rolling-back'] as const)
    t.match(u.phases[phase]('1.2.0'), /1\.2\.0/, phase)
})

t.test('how an upgrade ended names what was installed, and what runs', async t => {
  t.equal(u.results.upgraded('1.0.0', '1.1.0'), 'From 1.0.0 to 1.1.0')
  t.match(u.results['rolled-back']('1.0.0', '1.1.0'), /1\.1\.0 was not well: 1\.0\.0 was put back/)
  t.match(u.results.refused('1.0.0', '1.1.0'), /1\.1\.0 was not installed/)
})

t.test('runs that go on are counted', async t => {
  t.match(u.runs(1), /^One run is/)
  t.match(u.runs(3), /^3 runs are/)
})
