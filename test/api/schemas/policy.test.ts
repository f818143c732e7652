// Windows and limits: which the API takes, and that what it takes the appliance can keep.
import t from 'tap'
import Value from 'typebox/value'
import { BandwidthLimit, Policy, TimeZone, WeeklyWindow } from '../../../appliance/api/schemas/policy.ts'
import { weekdays } from '../../../appliance/domain.ts'
import { defaultPolicy, minBytesPerSecond } from '../../../appliance/schedule/policy.ts'
import { windowFlaw } from '../../../appliance/schedule/weekly-window.ts'

t.test('a window has days of the week, each once, and times of the clock', async t => {
  const window = { days: ['mon'], from: '00:00', to: '24:00' }
  const good = [{}, { days: [...weekdays] }, { from: '23:59', to: '00:00' }, { from: '19:05', to: '07:50' }]
  for (const changes of good) {
    const each = { ...window, ...changes }
    t.ok(Value.Check(WeeklyWindow, each), JSON.stringify(each))
    t.equal(windowFlaw(each as never), undefined, 'the schedule takes it, too')
  }
  const bad = [{ days: [] }, { days: ['mon', 'mon'] }, { from: '24:00' }, { to: '25:00' }, { from: '7:00' }, { x: 1 }]
  for (const changes of [...bad, { from: '07:00:00' }, { to: '' }, { to: '１２:00' }])
    t.notOk(Value.Check(WeeklyWindow, { ...window, ...changes }), JSON.stringify(changes))
})

t.test('every time zone of this machine has the form of one', async t => {
  const zones = [...Intl.supportedValuesOf('timeZone'), 'UTC', 'Etc/GMT+5', 'America/Argentina/Buenos_Aires', 'EST5EDT']
  t.ok(zones.length > 300)
  t.same(
    zones.filter(zone => !Value.Check(TimeZone, zone)),
    [],
  )
  for (const zone of ['', '/', 'Europe/', '../UTC', 'UTC\n', 'Europe Berlin', 'x'.repeat(65)])
    t.notOk(Value.Check(TimeZone, zone), zone)
})

t.test('the slowest limit is that of the throttle, and null lifts it in a window only', async t => {
  const window = { days: ['mon'], from: '00:00', to: '24:00' }
  t.ok(Value.Check(BandwidthLimit, { bytesPerSecond: minBytesPerSecond, timetable: [] }))
  t.notOk(Value.Check(BandwidthLimit, { bytesPerSecond: minBytesPerSecond - 1, timetable: [] }))
  t.ok(Value.Check(BandwidthLimit, { timetable: [{ window, bytesPerSecond: null }] }))
  t.notOk(Value.Check(BandwidthLimit, { bytesPerSecond: null, timetable: [] }))
})

t.test('the default policy is one', async t => {
  t.ok(Value.Check(Policy, defaultPolicy))
})
