// When a release is installed by itself, with the windows of the schedule.
import t from 'tap'
import { nextOpening } from '../../appliance/schedule/weekly-window.ts'
import { decideAutoUpgrade } from '../../appliance/upgrade/auto-upgrade.ts'

const window = { days: ['sun' as const], from: '02:00', to: '04:00' }
const sunday = '2026-11-22'
const given = {
  enabled: true,
  running: '1.0.0',
  offered: '1.1.0',
  last: undefined,
  now: new Date('2026-11-21T10:00:00Z'),
  nextOpening: (instant: Date) => nextOpening([window], instant, 'UTC'),
}
const ended = (to: string, result: 'upgraded' | 'refused' | 'rolled-back') => ({ from: '1.0.0', to, result, at: '' })

t.test('a newer release is installed inside the window, and waits for it outside', async t => {
  t.same(decideAutoUpgrade(given), { do: 'wait', to: '1.1.0', until: new Date(`${sunday}T02:00:00Z`) })
  for (const time of ['02:00', '03:59'])
    t.same(decideAutoUpgrade({ ...given, now: new Date(`${sunday}T${time}:00Z`) }), { do: 'upgrade', to: '1.1.0' })
  t.same(decideAutoUpgrade({ ...given, now: new Date(`${sunday}T04:00:00Z`) }), {
    do: 'wait',
    to: '1.1.0',
    until: new Date('2026-11-29T02:00:00Z'),
  })
})

t.test('nothing is installed when it is off, when nothing is newer, or when the window is never open', async t => {
  const now = new Date(`${sunday}T02:00:00Z`)
  t.match(decideAutoUpgrade({ ...given, now, enabled: false }), { do: 'nothing', why: 'off' })
  for (const offered of [undefined, '1.0.0', '0.9.9'])
    t.match(decideAutoUpgrade({ ...given, now, offered }), { do: 'nothing', why: 'nothingNewer' })
  t.match(decideAutoUpgrade({ ...given, now, nextOpening: () => undefined }), { do: 'nothing', why: 'neverOpen' })
})

t.test('a release that was not kept is not tried again, the next one is', async t => {
  const now = new Date(`${sunday}T02:00:00Z`)
  for (const result of ['refused', 'rolled-back'] as const) {
    t.match(decideAutoUpgrade({ ...given, now, last: ended('1.1.0', result) }), { do: 'nothing', why: 'tried' })
    t.match(decideAutoUpgrade({ ...given, now, offered: '1.1.1', last: ended('1.1.0', result) }), { do: 'upgrade' })
  }
  t.match(decideAutoUpgrade({ ...given, now, running: '1.0.9', last: ended('1.0.9', 'upgraded') }), { do: 'upgrade' })
})
