import t from 'tap'
import { l as words } from '../../../webui/locale/en-upload.ts'
import { mistakes } from './texts.ts'

t.test('every text of uploads is whole', async t => {
  t.strictSame(mistakes(words), [])
})
