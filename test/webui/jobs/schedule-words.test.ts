import t from 'tap'
import type { WeeklyWindow } from '../../../webui/contract.ts'
import {
  bandwidthWords,
  encryptionWords,
  repeatWords,
  windowsWords,
  windowWords,
} from '../../../webui/jobs/schedule-words.ts'
import { job } from '../samples.ts'

t.test('schedules and settings are said in words', async t => {
  t.equal(repeatWords({ startAt: 'x' }), 'Once')
  t.equal(repeatWords({ startAt: 'x', everyHours: 1 }), 'Every hour')
  t.equal(repeatWords({ startAt: 'x', everyHours: 6 }), 'Every 6 hours')
  const window = { days: ['mon' as const, 'sun' as const], from: '22:00', to: '06:00' }
  t.equal(windowWords(window), 'Mon, Sun 22:00–06:00')
  const days = (...names: WeeklyWindow['days']) => windowWords({ days: names, from: '08:00', to: '24:00' })
  t.equal(days('fri', 'mon', 'wed', 'tue', 'thu'), 'Mon–Fri 08:00–24:00')
  t.equal(days('mon', 'tue', 'fri', 'sat', 'sun'), 'Mon, Tue, Fri–Sun 08:00–24:00')
  t.equal(days('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'), 'every day 08:00–24:00')
  t.equal(windowsWords([window, window]), 'Mon, Sun 22:00–06:00; Mon, Sun 22:00–06:00')
  t.equal(bandwidthWords(undefined), 'No limit')
  const limit = { bytesPerSecond: 2 ** 20, timetable: [{ window, bytesPerSecond: null }] }
  t.equal(bandwidthWords(limit), '1 MiB/s; Mon, Sun 22:00–06:00: No limit')
  const { settings } = job('j')
  t.match(encryptionWords({ ...settings, encrypted: false }), /Not encrypted/)
  t.match(encryptionWords({ ...settings, kmsKeyId: 'alias/a' }), /alias\/a/)
})
