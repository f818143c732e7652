// The state of an upgrade on disk.
import { lstatSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  awaitSettled,
  readUpgradeState,
  type UpgradeState,
  writeUpgradeState,
} from '../../appliance/upgrade/upgrade-state.ts'

const move = { from: '1.0.0', to: '1.1.0' }

t.test('every state is read as it was written, by anybody; without a file nothing is under way', async t => {
  const path = join(t.testdir(), 'state.json')
  t.same(await readUpgradeState(path), { phase: 'settled' })
  const states: UpgradeState[] = [
    { phase: 'preparing', ...move },
    { phase: 'trying', ...move },
    { phase: 'rolling-back', ...move, reason: 'It was not well.' },
    { phase: 'settled', last: { ...move, result: 'rolled-back', reason: 'x', at: '2026-11-21T10:00:00.000Z' } },
    { phase: 'settled' },
  ]
  for (const state of states) {
    await writeUpgradeState(path, state)
    t.same(await readUpgradeState(path), state)
  }
  t.equal(lstatSync(path).mode & 0o777, 0o644)
})

t.test('a file of another form is an error, not a state', async t => {
  const path = join(t.testdir(), 'state.json')
  for (const text of ['', '{', '{}', '{"phase":"trying"}', '{"phase":"trying","from":"../x","to":"1.0.0"}', '[]']) {
    writeFileSync(path, text)
    await t.rejects(readUpgradeState(path), { code: 'UPGRADE_FAILED' }, text)
  }
})

t.test('what a newer release has added is no reason to stand still', async t => {
  const path = join(t.testdir(), 'state.json')
  const last = { ...move, result: 'rolled-back', reason: 'x', at: '2026-11-21T10:00:00.000Z', steps: 4 }
  writeFileSync(path, JSON.stringify({ phase: 'settled', last, form: 2 }))
  t.match(await readUpgradeState(path), { phase: 'settled', last: { result: 'rolled-back' } })
})

t.test('a new release waits until it is no longer on trial', async t => {
  const path = join(t.testdir(), 'state.json')
  const signal = new AbortController().signal
  await awaitSettled(path, signal)
  await writeUpgradeState(path, { phase: 'trying', ...move })
  let settled = false
  const waiting = awaitSettled(path, signal, 1).then(() => {
    settled = true
  })
  await new Promise(resolve => setImmediate(resolve))
  t.notOk(settled)
  await writeUpgradeState(path, { phase: 'settled' })
  await waiting
  await writeUpgradeState(path, { phase: 'trying', ...move })
  await t.rejects(awaitSettled(path, AbortSignal.abort()), { name: 'AbortError' })
})
