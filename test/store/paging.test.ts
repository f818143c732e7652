// Pages and their cursors.
import t from 'tap'
import { decodeCursor, encodeCursor, maxLimit, pageLimit, toPage } from '../../appliance/store/paging.ts'

t.test('a limit is 1 to 500, 100 when none is given', async t => {
  t.equal(pageLimit({}), 100)
  t.equal(pageLimit({ limit: 1 }), 1)
  t.equal(pageLimit({ limit: maxLimit }), 500)
  for (const limit of [0, -1, 501, 1.5, Number.NaN])
    t.throws(() => pageLimit({ limit }), { code: 'INVALID_REQUEST' }, String(limit))
})

t.test('a cursor comes back as it was, whatever the name', async t => {
  for (const name of ['', 'web', 'ü"\\\n', '服务器', '😀'])
    t.strictSame(decodeCursor(encodeCursor([name, 'id']), 'string'), [name, 'id'])
  t.strictSame(decodeCursor(encodeCursor([5, 'id']), 'number'), [5, 'id'])
})

t.test('anything else is no cursor', async t => {
  const foreign = [
    '',
    'x',
    encodeCursor([5, 'id']),
    Buffer.from('["a"]').toString('base64url'),
    Buffer.from('{}').toString('base64url'),
  ]
  for (const text of foreign) t.throws(() => decodeCursor(text, 'string'), { code: 'INVALID_REQUEST' }, text)
})

t.test('a page has a next one only if there was one item more', async t => {
  const cursorOf = (item: number) => [item, String(item)] as const
  t.strictSame(toPage([1, 2], 2, cursorOf), { items: [1, 2] })
  t.strictSame(toPage([1, 2, 3], 2, cursorOf), { items: [1, 2], next: encodeCursor([2, '2']) })
  t.strictSame(toPage([], 2, cursorOf), { items: [] })
})
