import t from 'tap'
import { isIn, navigation } from '../../../webui/shell/navigation.ts'

t.test('each path lights up one entry at most', async t => {
  for (const path of ['/', '/servers', '/jobs/new', '/runs/1', '/settings/policy', '/support/logs', '/nowhere']) {
    t.ok(navigation.filter(entry => isIn(entry.path, path)).length <= 1, path)
  }
  t.ok(isIn('/runs', '/runs/1'))
  t.notOk(isIn('/runs', '/runsome'))
  t.notOk(isIn('/', '/servers'))
})
