// What a browser must load before it shows the first page: the built files are weighed.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'

const dist = join(import.meta.dirname, '..', '..', 'webui', 'dist')
const limitBytes = 60 * 1024

/** Of the largest first page: the document names the entry, and the page's own part is loaded at once. */
const firstPages = [
  'dashboard-page',
  'servers-page',
  'setup-page',
  'claim',
  'runs-page',
  'run-page',
  'create-job-page',
  'settings-page',
]

const weigh = (path: string) => gzipSync(readFileSync(path), { level: 6 }).length

/** A file and all that it imports at once. */
function withImports(name: string, found = new Set<string>()): Set<string> {
  if (found.has(name)) return found
  found.add(name)
  const text = readFileSync(join(dist, 'assets', name), 'utf8')
  // Static imports alone: `import"./x.js"`, `from"./x.js"`. What import() loads comes when it is needed.
  for (const [, next] of text.matchAll(/(?:from|import)\s*["']\.\/([\w.-]+\.js)["']/g))
    if (next) withImports(next, found)
  return found
}

t.test('the first load is at most 60 KB compressed, besides the chart', async t => {
  t.ok(existsSync(join(dist, 'index.html')), 'the page is built: npm run build')
  const html = readFileSync(join(dist, 'index.html'), 'utf8')
  const files = readdirSync(join(dist, 'assets'))
  const entry = [...html.matchAll(/\/assets\/([\w.-]+\.(?:js|css))/g)].map(match => match[1] ?? '')
  t.ok(
    entry.some(name => name.endsWith('.js')) && entry.some(name => name.endsWith('.css')),
    'a script and a style sheet',
  )
  for (const page of firstPages) {
    const own = files.filter(name => name.startsWith(`${page}-`) && name.endsWith('.js'))
    t.equal(own.length, 1, `${page} is a part of its own`)
    const needed = new Set<string>()
    for (const name of [...entry, ...own]) {
      if (name.endsWith('.js')) withImports(name, needed)
      else needed.add(name)
    }
    const total = [...needed].reduce((sum, name) => sum + weigh(join(dist, 'assets', name)), 0)
    t.ok(total <= limitBytes, `${page}: ${total} of ${limitBytes} bytes`)
    t.notOk(
      [...needed].some(name => name.startsWith('chart-')),
      `${page} does not wait for the chart`,
    )
  }
})

t.test('nothing is inline: the document names files alone', async t => {
  const html = readFileSync(join(dist, 'index.html'), 'utf8')
  t.notMatch(html, /<script(?![^>]*\bsrc=)/, 'no script')
  t.notMatch(html, /<style|\sstyle=|\son\w+=/, 'no style, no handler')
  for (const [, path] of html.matchAll(/(?:src|href)="([^"]+)"/g)) t.match(path, /^\//, `${path} is of this host`)
})
