import t from 'tap'
import Value from 'typebox/value'
import { BandwidthLimit, WeeklyWindow } from '../../../appliance/api/schemas/policy.ts'
import { bandwidthDraftOf, bandwidthOf, bytesOf, newWindow, windowIsWrong } from '../../../webui/ui/window-draft.ts'

t.test('no number is no limit, and 64 KiB/s the least', async t => {
  t.equal(bytesOf(' '), null)
  t.equal(bytesOf('0.0625'), 65_536)
  for (const wrong of ['0.06', '0', '-1', 'fast']) t.equal(bytesOf(wrong), undefined, wrong)
})

t.test('a window is wrong when the API would refuse it', async t => {
  const windows: [Partial<ReturnType<typeof newWindow>>, boolean][] = [
    [{}, false],
    [{ from: '22:00', to: '06:00' }, false],
    [{ to: '24:00' }, false],
    [{ days: [] }, true],
    [{ from: '' }, true],
    [{ from: '24:00' }, true],
    [{ to: '6:00' }, true],
    [{ to: '24:01' }, true],
  ]
  for (const [changes, wrong] of windows) {
    const window = { ...newWindow(), ...changes }
    t.equal(windowIsWrong(window), wrong, JSON.stringify(window))
    t.equal(Value.Check(WeeklyWindow, window), !wrong)
  }
})

t.test('a limit comes out of the form as it went in; one wrong field keeps all from being saved', async t => {
  const limits = [
    { timetable: [] },
    { bytesPerSecond: 1_500_000, timetable: [{ window: newWindow(), bytesPerSecond: null }] },
    { timetable: [{ window: newWindow(), bytesPerSecond: 65_536 }] },
  ]
  for (const limit of limits) {
    t.strictSame(bandwidthOf(bandwidthDraftOf(limit)), limit)
    t.ok(Value.Check(BandwidthLimit, bandwidthOf(bandwidthDraftOf(limit))))
  }
  t.equal(bandwidthOf({ limit: 'x', timetable: [] }), undefined)
  t.equal(bandwidthOf({ limit: '', timetable: [{ window: newWindow(), limit: '0' }] }), undefined)
  t.equal(bandwidthOf({ limit: '', timetable: [{ window: { ...newWindow(), days: [] }, limit: '' }] }), undefined)
})
