import t from 'tap'
import { r as words } from '../../../webui/locale/en-rescue.ts'
import { mistakes, texts } from './texts.ts'

t.test('every text says something', async t => {
  t.ok(texts(words).length > 20)
  t.strictSame(mistakes(words), [])
})
