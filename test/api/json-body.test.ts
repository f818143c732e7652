// Bodies in JSON: what is no Unicode never reaches a route.
import t from 'tap'
import { startAccessApi } from './access-api.ts'
import { apiToken } from './memory-api.ts'

const { api, close } = await startAccessApi()
t.teardown(close)

async function check(payload: string | Buffer, type = 'application/json') {
  const answer = await api.inject({
    method: 'POST',
    url: '/api/password-check',
    headers: { authorization: `Bearer ${apiToken}`, 'content-type': type },
    payload,
  })
  return { status: answer.statusCode, body: answer.json() }
}

t.test('bytes that are no UTF-8 and halves of surrogate pairs are refused, in keys too', async t => {
  for (const payload of [
    Buffer.from('{"password":"\xff\xfe"}', 'latin1'),
    '{"password":"a\\ud800"}',
    '{"password":"\\udc00\\ud800"}',
    '{"password":"a","\\ud800":1}',
    '{"password":{"deep":[["\\uDBFF"]]}}',
  ])
    t.match(await check(payload), { status: 400, body: { code: 'INVALID_REQUEST', message: /no Unicode/ } })
})

t.test('whole pairs, escaped or not, and other escapes are taken as they are', async t => {
  for (const payload of [
    '{"password":"\\ud83d\\ude9a"}',
    '{"password":"🚚"}',
    '{"password":"\\u0041"}',
    '\ufeff{"password":"a"}',
  ])
    t.match(await check(payload), { status: 200 }, payload)
})

t.test('what is no JSON, nothing at all, and a prototype are refused as ever; so is another type', async t => {
  for (const payload of [
    '{',
    '',
    '{"__proto__":{"a":1},"password":"a"}',
    '{"constructor":{"prototype":1},"password":"a"}',
  ])
    t.match(await check(payload), { status: 400, body: { code: 'INVALID_REQUEST' } }, payload)
  t.match(await check('a=b', 'application/x-www-form-urlencoded'), { status: 415, body: { code: 'INVALID_REQUEST' } })
})

t.test('a body that is nested as deep as it is long ends in an answer', async t => {
  const payload = `{"password":${'['.repeat(50_000)}"\\u0041"${']'.repeat(50_000)}}`
  t.match(await check(payload), { status: 400, body: { code: 'INVALID_REQUEST' } })
})
