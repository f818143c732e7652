// What clocks show, around their changes.
import t from 'tap'
import {
  bothInstantsOf,
  clockAt,
  clockChanges,
  firstInstantOf,
  isTimeZone,
} from '../../appliance/schedule/wall-clock.ts'
import { shownAt, wallTable, zones } from './wall-table.ts'

const at = (text: string) => new Date(text)
const shown = (text: string) => Temporal.PlainDateTime.from(text)

t.test('names of the time zone database are known; offsets, dates and inventions are not', async t => {
  for (const name of [...zones, 'Etc/GMT+3', 'America/Argentina/Buenos_Aires', 'CET', 'europe/berlin'])
    t.ok(isTimeZone(name), name)
  for (const name of ['+01:00', 'Europe/Nowhere', '', 'Berlin', '2026-01-01T00:00Z[UTC]', '../etc/passwd', 'UTC '])
    t.notOk(isTimeZone(name), name)
})

t.test('a time that the clock skips is the instant of the skip', async t => {
  t.strictSame(firstInstantOf(shown('2026-03-29T02:00'), 'Europe/Berlin'), at('2026-03-29T01:00:00Z'))
  t.strictSame(firstInstantOf(shown('2026-03-29T02:59:59'), 'Europe/Berlin'), at('2026-03-29T01:00:00Z'))
  t.strictSame(firstInstantOf(shown('2026-03-29T03:00'), 'Europe/Berlin'), at('2026-03-29T01:00:00Z'))
  t.strictSame(firstInstantOf(shown('2026-10-04T02:15'), 'Australia/Lord_Howe'), at('2026-10-03T15:30:00Z'))
  t.strictSame(firstInstantOf(shown('2011-12-30T12:00'), 'Pacific/Apia'), at('2011-12-30T10:00:00Z'), 'a whole day')
})

t.test('of a time that comes twice the first is taken', async t => {
  t.strictSame(firstInstantOf(shown('2026-10-25T02:30'), 'Europe/Berlin'), at('2026-10-25T00:30:00Z'))
  t.strictSame(
    bothInstantsOf(shown('2026-10-25T02:30'), 'Europe/Berlin').map(ms => new Date(ms)),
    [at('2026-10-25T00:30:00Z'), at('2026-10-25T01:30:00Z')],
  )
  t.strictSame(new Set(bothInstantsOf(shown('2026-10-25T03:00'), 'Europe/Berlin')).size, 1)
})

t.test('changes of the clock are found, the last one included', async t => {
  t.strictSame(clockChanges(at('2026-03-29T01:00:00Z'), at('2026-10-25T01:00:00Z'), 'Europe/Berlin'), [
    Date.parse('2026-10-25T01:00:00Z'),
  ])
  t.strictSame(clockChanges(at('2026-01-01T00:00:00Z'), at('2027-01-01T00:00:00Z'), 'UTC'), [])
})

t.test('it shows what Intl shows, every minute of the days around a change', async t => {
  for (const zone of zones) {
    for (const from of ['2026-03-28', '2026-10-24', '2026-03-07', '2026-04-23']) {
      const table = wallTable(zone, from, 3)
      let wrong = 0
      for (let row = 0; row < table.shown.length; row++) {
        const clock = clockAt(new Date(table.fromMs + row * 60_000), zone).toPlainDateTime()
        if (clock.toZonedDateTime('UTC').epochMilliseconds !== shownAt(table, row) * 60_000) wrong++
      }
      t.equal(wrong, 0, `${zone} from ${from}`)
    }
  }
})
