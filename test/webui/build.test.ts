import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { isStale } from '../../webui/build.ts'

t.test('a page that was not built, or is older than its sources, is stale', async t => {
  const built = join(import.meta.dirname, '..', '..', 'webui', 'dist', 'index.html')
  t.type(isStale(), 'boolean')
  if (!existsSync(built)) t.equal(isStale(), true)
})
