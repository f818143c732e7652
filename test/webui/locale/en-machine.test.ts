import t from 'tap'
import { resetWords } from '../../../appliance/machine/verbs.ts'
import { m as words } from '../../../webui/locale/en-machine.ts'
import { mistakes, texts } from './texts.ts'

t.test('every text says something', async t => {
  t.ok(texts(words).length > 60)
  t.strictSame(mistakes(words), [])
})

t.test('the words to be typed are those that the appliance wants', async t => {
  t.equal(words.reset.words, resetWords)
})
