// The log read backwards by pages, and forwards by a span of time; compared with the same lines in memory.
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { linesOf, logLevels, parseLine, recentLines } from '../../appliance/support/log-lines.ts'

const seed = 20_260_301
let state = seed
/** Park and Miller. */
const random = (below: number) => {
  state = (state * 48_271) % 2_147_483_647
  return state % below
}
const start = Date.parse('2026-03-01T00:00:00Z')
const line = (n: number) =>
  JSON.stringify({
    level: logLevels[random(6)],
    time: new Date(start + n * 1000).toISOString(),
    n,
    server: ['wéb01', 'DB02'][random(2)],
    msg: 'x'.repeat(random(n % 97 === 0 ? 90_000 : 200)),
  })
const all = Array.from({ length: 3_000 }, (_, n) => line(n))
const directory = t.testdir()
const files = [0, 1, 2].map(index => join(directory, `hoist-00000${index + 1}.log`))
for (const [index, path] of files.entries())
  writeFileSync(
    path,
    all
      .slice(index * 1000, (index + 1) * 1000)
      .map(text => `${text}\n`)
      .join(''),
  )
// A crash cut the last line off, and the next start went on.
appendFileSync(files[1] ?? '', '{"level":"info","time":"2026')
const newestFirst = all.toReversed().map(text => parseLine(text))

async function everything(query: Omit<Parameters<typeof recentLines>[1], 'limit'>, limit: number) {
  const items: unknown[] = []
  let after: string | undefined
  let pages = 0
  do {
    const page = await recentLines(files, { ...query, limit, ...(after === undefined ? {} : { after }) })
    items.push(...page.items)
    after = page.next
    if (++pages > 5_000) throw new Error('pages without end')
  } while (after !== undefined)
  return items
}

t.test(`pages of any size give every line once, newest first (seed ${seed})`, async t => {
  for (const limit of [1, 7, 100, 500]) t.strictSame(await everything({}, limit), newestFirst, String(limit))
})

t.test('a level shows itself and what is worse; a text is found anywhere, whatever the case', async t => {
  const bad = newestFirst.filter(one => one && logLevels.indexOf(one.level) >= 4)
  t.strictSame(await everything({ level: 'error' }, 50), bad)
  const db = newestFirst.filter(one => one?.fields.server === 'DB02')
  t.strictSame(await everything({ text: 'db02' }, 50), db)
  t.strictSame(
    await everything({ text: 'WÉB01', level: 'fatal' }, 50),
    newestFirst.filter(one => one?.fields.server === 'wéb01' && one.level === 'fatal'),
  )
  t.same(await everything({ text: 'nowhere' }, 50), [])
})

t.test('a page stays where it was while lines are added', async t => {
  const first = await recentLines(files, { limit: 10 })
  const path = join(directory, 'hoist-000004.log')
  writeFileSync(path, `${line(5_000)}\n`)
  const next = first.next ?? ''
  const second = await recentLines([...files, path], { limit: 10, after: next })
  t.strictSame(second.items, newestFirst.slice(10, 20))
})

t.test('a filter that hits nothing answers early, and goes on where it stopped', async t => {
  const big = join(directory, 'hoist-000009.log')
  writeFileSync(
    big,
    `${JSON.stringify({ level: 'info', time: '2026-03-01T00:00:00Z', msg: 'needle' })}\n${`${JSON.stringify({ level: 'info', time: '2026', msg: 'hay'.repeat(300) })}\n`.repeat(12_000)}`,
  )
  const first = await recentLines([big], { text: 'needle', limit: 10 })
  t.same(first.items, [])
  const second = await recentLines([big], { text: 'needle', limit: 10, after: first.next ?? '' })
  t.match(second, { items: [{ message: 'needle' }] })
})

t.test('what is no line, no cursor or no file any more', async t => {
  for (const text of ['', '{', 'null', '{"level":"info"}', '{"time":"x","level":"loud"}', '[]'])
    t.equal(parseLine(text), undefined, text)
  await t.rejects(recentLines(files, { limit: 1, after: '../../etc/passwd:1' }), { code: 'INVALID_REQUEST' })
  t.same(await recentLines([join(directory, 'gone.log')], { limit: 5 }), { items: [] })
  t.same(await Array.fromAsync(linesOf(join(directory, 'gone.log'), {}, 100)), [])
})

t.test('a span of time gives its lines in order, to the byte', async t => {
  const path = files[0] ?? ''
  const size = Buffer.byteLength(
    all
      .slice(0, 1000)
      .map(text => `${text}\n`)
      .join(''),
  )
  const text = async (span: Parameters<typeof linesOf>[1], end = size) =>
    (await Array.fromAsync(linesOf(path, span, end))).join('')
  const expected = (from: number, to: number) =>
    all
      .slice(from, to)
      .map(one => `${one}\n`)
      .join('')
  t.equal(await text({}), expected(0, 1000))
  t.equal(await text({ from: new Date(start + 100_000) }), expected(100, 1000))
  t.equal(await text({ to: new Date(start + 100_000) }), expected(0, 101))
  t.equal(await text({ from: new Date(start + 5_000), to: new Date(start + 6_000) }), expected(5, 7))
  t.equal(await text({}, 10), `${expected(0, 1).slice(0, 10)}\n`, 'no further than the size at the beginning')
  await t.rejects(Array.fromAsync(linesOf(path, {}, size, AbortSignal.abort())), { name: 'AbortError' })
})
