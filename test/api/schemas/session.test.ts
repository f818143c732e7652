// What a sign-in, a name and a password may look like on the wire.
import t from 'tap'
import Value from 'typebox/value'
import { checkPassword } from '../../../appliance/accounts/password-rules.ts'
import {
  AccountName,
  PasswordChange,
  PasswordCheckBody,
  PasswordVerdict,
  Role,
  SessionView,
  SignInBody,
} from '../../../appliance/api/schemas/session.ts'
import { roles } from '../../../appliance/store/accounts.ts'

t.test('roles are those of the store', async t => {
  for (const role of roles) t.ok(Value.Check(Role, role))
  for (const none of ['root', '', 'Administrator', null]) t.notOk(Value.Check(Role, none))
})

t.test('a name has letters, digits and four signs', async t => {
  for (const name of ['a', 'Anna', 'anna.smith@example.com', '7', 'a_b-c', 'x'.repeat(64)])
    t.ok(Value.Check(AccountName, name), name)
  for (const name of ['', '.a', '@a', 'a b', 'a/b', '<b>', 'ä', 'a\n', '#1', 'x'.repeat(65)])
    t.notOk(Value.Check(AccountName, name), name)
})

t.test('a sign-in takes any name, and nothing else besides', async t => {
  const body = { name: 'nobody here', password: 'x' }
  t.ok(Value.Check(SignInBody, body))
  for (const changes of [
    { name: '' },
    { password: '' },
    { password: 'x'.repeat(1025) },
    { remember: true },
    { name: ['a'] },
    { password: { $ne: '' } },
  ])
    t.notOk(Value.Check(SignInBody, { ...body, ...changes }), String(Object.keys(changes)))
  t.notOk(Value.Check(PasswordChange, { next: 'x' }))
})

t.test('a verdict on a password has the form that is promised', async t => {
  for (const password of ['', 'password1234', 'aaaa', 'wooden lamp sings loudly', 'x'.repeat(1000), 'anna anna anna'])
    t.ok(Value.Check(PasswordVerdict, checkPassword(password, 'anna')), password.slice(0, 20))
  t.ok(Value.Check(PasswordCheckBody, { password: '' }))
  t.notOk(Value.Check(PasswordCheckBody, {}))
})

t.test('a view of a session without an account is complete', async t => {
  t.ok(Value.Check(SessionView, { state: 'signedOut', setupComplete: true }))
  t.notOk(Value.Check(SessionView, { state: 'signedOut' }))
  t.notOk(Value.Check(SessionView, { state: 'signedIn', setupComplete: true, hash: 'x' }))
})
