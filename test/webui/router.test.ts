import t from 'tap'
import { match } from '../../webui/router.ts'

t.test('a path fits a pattern part by part', async t => {
  t.strictSame(match('/runs/:id', '/runs/4711'), { id: '4711' })
  t.strictSame(match('/runs/:id', '/runs/a%20b'), { id: 'a b' })
  t.strictSame(match('/runs', '/runs/'), {})
  for (const path of ['/runs', '/runs/', '/runs/1/2', '/jobs/1', '/runs/%ff'])
    t.equal(match('/runs/:id', path), undefined, path)
})
