import t from 'tap'
import { s as words } from '../../../webui/locale/en-setup.ts'
import { mistakes, texts } from './texts.ts'

t.test('every text says something', async t => {
  t.ok(texts(words).length > 30)
  t.strictSame(mistakes(words), [])
})
