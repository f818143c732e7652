// A backup a day: when it is due, and what happens when it fails or the appliance stops.
import { setTimeout as delay, setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { Backup } from '../../appliance/store/backup.ts'
import { DailyBackups, type DailyBackupsOptions } from '../../appliance/store/daily-backups.ts'

const hourMs = 3_600_000
const begin = Date.UTC(2026, 2, 1)

function fake(options: Partial<DailyBackupsOptions> = {}) {
  const backups: Backup[] = []
  const errors: unknown[] = []
  const clock = { at: begin }
  const daily = new DailyBackups({
    async take() {
      const backup = { name: 'x', takenAt: new Date(clock.at).toISOString(), sizeBytes: 1 }
      backups.unshift(backup)
      return backup
    },
    list: async () => backups,
    now: () => new Date(clock.at),
    onError: thrown => errors.push(thrown),
    lookMs: 1,
    ...options,
  })
  return { backups, errors, clock, daily }
}

/** Until it has looked a few times. */
const looked = () => delay(25)

t.test('the first start takes one, and then one a day', async t => {
  const { backups, clock, daily } = fake()
  daily.start()
  await looked()
  t.equal(backups.length, 1)
  clock.at += 24 * hourMs - 1
  await looked()
  t.equal(backups.length, 1)
  clock.at += 1
  await looked()
  t.equal(backups.length, 2)
  await daily.stop()
  clock.at += 48 * hourMs
  await looked()
  t.equal(backups.length, 2)
})

t.test('a backup from the future says nothing: its clock was wrong', async t => {
  const { backups, clock, daily } = fake()
  clock.at += 365 * 24 * hourMs
  daily.start()
  await looked()
  clock.at = begin
  await looked()
  t.equal(backups.length, 2)
  await daily.stop()
})

t.test('one that fails is told of and tried again', async t => {
  const reason = new Error('full')
  let tries = 0
  const { errors, backups, daily } = fake({
    async take() {
      tries++
      if (tries < 3) throw reason
      const backup = { name: 'x', takenAt: new Date(begin).toISOString(), sizeBytes: 1 }
      backups.push(backup)
      return backup
    },
  })
  daily.start()
  await looked()
  t.strictSame(errors, [reason, reason])
  t.equal(tries, 3)
  await daily.stop()
})

t.test('stopping gives up the one under way, and what follows a failure', async t => {
  let begun = false
  const { errors, daily } = fake({
    async take(signal) {
      begun = true
      await delay(60_000, undefined, { signal })
      throw new Error('never')
    },
  })
  daily.start()
  while (!begun) await setImmediate()
  await daily.stop()
  t.strictSame(errors, [])
  const failing = fake({ take: () => Promise.reject(new Error('full')), lookMs: 60_000 })
  failing.daily.start()
  while (failing.errors.length === 0) await setImmediate()
  await failing.daily.stop()
  t.equal(failing.errors.length, 1)
})
