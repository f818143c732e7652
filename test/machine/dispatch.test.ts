// Lines and their answers.
import t from 'tap'
import { ApplianceError } from '../../appliance/errors.ts'
import { dispatcher } from '../../appliance/machine/dispatch.ts'
import type { Performed } from '../../appliance/machine/perform.ts'
import type { Verb } from '../../appliance/machine/verbs.ts'

const line = (verb: Verb) => Buffer.from(JSON.stringify(verb))
const restart = line({ verb: 'restart', what: 'service' })
const upgrade = line({ verb: 'upgrade', file: 'a.tar' })
const never = () => t.fail('nothing failed')

t.test('a valid verb is performed and answered; an invalid one only answered', async t => {
  const seen: Verb[] = []
  const answer = dispatcher(async verb => {
    seen.push(verb)
    return {}
  }, never)
  t.same(await answer(restart), { answer: { ok: true } })
  t.match(await answer(Buffer.from('{"verb":"shell"}')), {
    answer: { code: 'INVALID_REQUEST', hint: /one JSON object/ },
  })
  t.same(seen, [{ verb: 'restart', what: 'service' }])
})

t.test('one follows the other', async t => {
  let now = 0
  let most = 0
  const answer = dispatcher(async () => {
    most = Math.max(most, ++now)
    await new Promise(resolve => setImmediate(resolve))
    now--
    return {}
  }, never)
  await Promise.all(Array.from({ length: 10 }, () => answer(restart)))
  t.equal(most, 1)
})

t.test('errors with a name are told, others only to the journal', async t => {
  const failures: unknown[] = []
  const thrown = [
    new ApplianceError('RELEASE_NOT_NEWER', 'Old.', { hint: 'Take a newer one.' }),
    new ApplianceError('MACHINE_FAILED', 'systemctl failed.', { hint: 'Look.' }),
    new TypeError('secret inside'),
  ]
  const errors = [...thrown]
  const answer = dispatcher(
    async () => {
      throw errors.shift()
    },
    failure => failures.push(failure),
  )
  t.same(await answer(restart), { answer: { code: 'RELEASE_NOT_NEWER', message: 'Old.', hint: 'Take a newer one.' } })
  t.match(await answer(restart), { answer: { code: 'MACHINE_FAILED', message: 'systemctl failed.' } })
  const { answer: unnamed } = await answer(restart)
  t.match(unnamed, { code: 'INTERNAL' })
  t.notMatch(JSON.stringify(unnamed), /secret/)
  t.same(failures, thrown.slice(1))
})

t.test('while an upgrade goes on, everything else is refused; then it is not', async t => {
  const gate = Promise.withResolvers<void>()
  const performed: Record<string, Performed> = {
    upgrade: { result: { version: '1.1.0' }, afterwards: () => gate.promise },
  }
  const answer = dispatcher(async verb => performed[verb.verb] ?? {}, never)
  const [first, second] = await Promise.all([answer(upgrade), answer(upgrade)])
  t.same(first.answer, { ok: true, version: '1.1.0' })
  t.match(second.answer, { code: 'UPGRADE_IN_PROGRESS' })
  const ending = first.afterwards?.()
  t.match((await answer(restart)).answer, { code: 'UPGRADE_IN_PROGRESS' })
  gate.resolve()
  await ending
  t.same((await answer(restart)).answer, { ok: true })
})

t.test('a verb that takes too long is given up', async t => {
  const timeout = AbortSignal.timeout
  t.teardown(() => {
    AbortSignal.timeout = timeout
  })
  const limits: number[] = []
  AbortSignal.timeout = ms => {
    limits.push(ms)
    return AbortSignal.abort(new Error('late'))
  }
  const answer = dispatcher(
    async (_verb, signal) => {
      signal.throwIfAborted()
      return {}
    },
    () => undefined,
  )
  t.match((await answer(restart)).answer, {
    code: 'MACHINE_FAILED',
    message: '"restart" took too long, and was given up.',
  })
  t.match((await answer(upgrade)).answer, { code: 'MACHINE_FAILED' })
  t.same(limits, [60_000, 600_000])
})
