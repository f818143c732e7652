// Errors: the table of codes, what an error carries, and the page that lists them.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { ApplianceError, errorCodes, toApplianceError } from '../appliance/errors.ts'
import { errorLine, errorsPage } from './errors-page.ts'

t.test('an error carries its code, the status of the table, a hint and its cause', async t => {
  const cause = new Error('socket')
  const error = new ApplianceError('NOT_FOUND', 'There is no job 7.', { cause, hint: 'List the jobs.' })
  t.ok(error instanceof Error)
  t.match(error, {
    name: 'ApplianceError',
    code: 'NOT_FOUND',
    statusCode: 404,
    message: 'There is no job 7.',
    hint: 'List the jobs.',
    cause,
  })
  t.notOk('cause' in new ApplianceError('NOT_FOUND', 'm', { hint: 'h' }))
  t.equal(new ApplianceError('NOT_FOUND', 'm', { hint: 'h', statusCode: 410 }).statusCode, 410)
})

t.test('whatever was thrown becomes an ApplianceError, and one that is stays itself', async t => {
  const named = new ApplianceError('NOT_FOUND', 'm', { hint: 'h' })
  t.equal(toApplianceError(named), named)
  const thrown = new TypeError('x is not a function')
  t.match(toApplianceError(thrown), { code: 'INTERNAL', statusCode: 500, message: thrown.message, cause: thrown })
  t.match(toApplianceError('text'), { code: 'INTERNAL', message: 'text', cause: 'text' })
  t.match(toApplianceError(undefined), { code: 'INTERNAL', message: 'undefined' })
})

t.test('every code is UPPER_SNAKE, has an error status and says in a sentence what it means', async t => {
  for (const [code, { statusCode, meaning }] of Object.entries(errorCodes)) {
    t.match(code, /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/)
    t.ok(statusCode >= 400 && statusCode <= 599, code)
    t.match(meaning, /^\S.*\.$/, code)
  }
})

t.test('docs/errors.md lists every code as the table has it, and no other', async t => {
  const page = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')
  const lines = new Set(page.split('\n').filter(line => line.startsWith('| `')))
  for (const [code, { statusCode, meaning }] of Object.entries(errorCodes)) {
    const line = errorLine(code, statusCode, meaning)
    t.ok(lines.delete(line), `docs/errors.md lacks the line: ${line}`)
  }
  t.strictSame([...lines], [], 'lines of docs/errors.md that the table does not have')
  t.ok(page === errorsPage(errorCodes), 'the page is as `node test/errors-page.ts > docs/errors.md` writes it')
})
