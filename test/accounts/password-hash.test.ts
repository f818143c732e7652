// Hashes of passwords: argon2id as others compute it, one at a time, and as long for a stranger.
import t from 'tap'
import { createPasswordHasher } from '../../appliance/accounts/password-hash.ts'

const hasher = createPasswordHasher()

t.test('a password is known again, and no other is', async t => {
  const hash = await hasher.hash('wooden lamp sings')
  t.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
  t.equal(await hasher.verify('wooden lamp sings', hash), true)
  for (const wrong of ['', 'wooden lamp sing', 'wooden lamp sings ', 'Wooden lamp sings'])
    t.equal(await hasher.verify(wrong, hash), false)
  t.not(await hasher.hash('wooden lamp sings'), hash, 'each has its own salt')
})

t.test('a hash that the reference implementation made is understood', async t => {
  // By argon2-cffi, of the salt "somesaltsomesalt".
  const hash = '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$K13EBUiG7JV+9ZxztmHFTdb7J0WQsnj2V8bZaqyPptE'
  t.equal(await hasher.verify('password', hash), true)
})

t.test('one text in two Unicode forms is one password', async t => {
  const hash = await hasher.hash('cafe\u0301 \ufb01ne')
  t.equal(await hasher.verify('caf\u00e9 fine', hash), true)
})

t.test('without an account nothing is right, and it takes as long', async t => {
  const hash = await hasher.hash('x')
  const time = async (against: string | undefined) => {
    const startedAt = performance.now()
    await hasher.verify('y', against)
    return performance.now() - startedAt
  }
  const median = (times: number[]) => times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0
  const known: number[] = []
  const unknown: number[] = []
  for (let round = 0; round < 7; round++) {
    known.push(await time(hash))
    unknown.push(await time(undefined))
  }
  const ratio = median(unknown) / median(known)
  t.ok(ratio > 0.4 && ratio < 2.5, `${ratio}`)
  t.equal(await hasher.verify('', undefined), false)
})

t.test('who comes while many wait is sent away, and nobody waits for ever', async t => {
  const many = createPasswordHasher()
  const answers = await Promise.allSettled(Array.from({ length: 25 }, () => many.verify('x', undefined)))
  t.equal(answers.filter(answer => answer.status === 'fulfilled').length, 20)
  for (const answer of answers)
    if (answer.status === 'rejected') t.match(answer.reason, { code: 'RATE_LIMITED', retryAfterSeconds: 2 })
  t.equal(await many.verify('x', undefined), false)
})

t.test('what is no hash is damage, and the next one is not held up by it', async t => {
  for (const none of ['', 'x', '$argon2id$v=19$m=19456,t=2,p=1$$', '$2b$10$abcdefghijklmnopqrstuv'])
    await t.rejects(hasher.verify('x', none), { code: 'STORE_DAMAGED' })
  t.equal(await hasher.verify('x', await hasher.hash('x')), true)
})
