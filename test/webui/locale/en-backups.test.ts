import t from 'tap'
import { b as words } from '../../../webui/locale/en-backups.ts'
import { mistakes } from './texts.ts'

t.test('every text of exports and imports is whole', async t => {
  t.strictSame(mistakes(words), [])
})
