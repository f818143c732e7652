// The session's cookie in every spelling.
import t from 'tap'
import { clearCookie, cookieName, readCookie, setCookie } from '../../appliance/api/cookie.ts'

const secret = 'Az09_-'.padEnd(43, 'x')

t.test('what is set is read back', async t => {
  t.equal(readCookie(setCookie(secret).split(';')[0]), secret)
  t.equal(readCookie(`a=1; ${cookieName}=${secret}; b=2`), secret)
  t.equal(readCookie(` ${cookieName} = ${secret} `), secret)
})

t.test('it is for https only, for no script, for no other site and no other host', async t => {
  for (const cookie of [setCookie(secret), clearCookie()]) {
    t.match(cookie, /^__Host-/)
    for (const attribute of ['Path=/', 'Secure', 'HttpOnly', 'SameSite=Strict'])
      t.ok(cookie.split('; ').includes(attribute))
    t.notMatch(cookie, /Domain/i)
  }
  t.match(clearCookie(), /=; Max-Age=0;/)
})

t.test('none, two, and what has another form are none', async t => {
  const none = [
    undefined,
    '',
    ';',
    '=',
    cookieName,
    `${cookieName}=`,
    `x${cookieName}=${secret}`,
    `${cookieName}=${secret}!`,
  ]
  const two = [`${cookieName}=${secret}; ${cookieName}=${secret}`, `${cookieName}=x; ${cookieName}=${secret}`]
  for (const header of [...none, ...two, `${cookieName}="${secret}"`, `${cookieName.toLowerCase()}=${secret}`])
    t.equal(readCookie(header), undefined, String(header))
})
