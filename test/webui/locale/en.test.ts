import t from 'tap'
import { problemWords, t as words } from '../../../webui/locale/en.ts'
import { mistakes, texts } from './texts.ts'

t.test('every text says something', async t => {
  t.ok(texts(words).length > 30)
  t.strictSame(mistakes(words), [])
})

t.test("the server's words come before the page's own; a code without any has some", async t => {
  t.strictSame(problemWords({ code: 'UNREACHABLE', message: 'Said', hint: 'Do' }), { message: 'Said', hint: 'Do' })
  t.match(problemWords({ code: 'UNREACHABLE', message: '', hint: '' }), { message: /does not answer/, hint: /Check/ })
  t.match(problemWords({ code: 'NEW', message: '', hint: '' }), { message: 'This did not work.', hint: '' })
})

t.test('one is singular', async t => {
  t.equal(words.servers.createJobs(1), 'Create 1 job')
  t.equal(words.servers.createJobs(10_000), 'Create 10,000 jobs')
})
