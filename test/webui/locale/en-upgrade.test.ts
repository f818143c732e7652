// Words of upgrades: each phase and each outcome names the release that it is about.
import t from 'tap'
import { u } from '../../../webui/locale/en-upgrade.ts'

t.test('each phase of an upgrade names the release', async t => {
  for (const phase of ['handing', 'preparing', 'trying', 'rolling-back'] as const)
    t.match(u.phases[phase]('1.2.0'), /1\.2\.0/, phase)
})

t.test('how an upgrade ended names what runs, and when', async t => {
  t.equal(u.results.upgraded('1.0.0', '1.1.0', 'today'), 'From 1.0.0 to 1.1.0, today')
  t.match(u.results['rolled-back']('1.0.0', '1.1.0', 'today'), /1\.1\.0 was not well: 1\.0\.0 was put back, today/)
  t.match(u.results.refused('1.0.0', '1.1.0', 'today'), /1\.1\.0 was not installed, today/)
})

t.test('runs that go on are counted', async t => {
  t.match(u.runs(1), /^One run is/)
  t.match(u.runs(3), /^3 runs are/)
  t.equal(u.ready('1.2.0', 'today', '230 MB'), 'Release 1.2.0 of today, signed, 230 MB: ready to be installed')
})
