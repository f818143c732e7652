import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { inline, parseMarkdown } from '../../../webui/support/markdown.ts'

t.test('words, code, emphasis and links are told apart', async t => {
  t.strictSame(inline('a `b` **c** [d](https://e) *f*'), [
    { kind: 'text', text: 'a ' },
    { kind: 'code', text: 'b' },
    { kind: 'text', text: ' ' },
    { kind: 'strong', text: 'c' },
    { kind: 'text', text: ' ' },
    { kind: 'link', text: 'd', href: 'https://e' },
    { kind: 'text', text: ' ' },
    { kind: 'emphasis', text: 'f' },
  ])
  t.strictSame(inline('2 * 3 * 4'), [{ kind: 'text', text: '2 * 3 * 4' }], 'a sign alone')
  t.strictSame(inline('<script>'), [{ kind: 'text', text: '<script>' }], 'markup is text')
})

t.test('blocks are headings, paragraphs, lists, code and tables', async t => {
  const blocks = parseMarkdown(
    '# One\n\ntwo\nthree\n\n- a\n  b\n- c\n\n```sh\n# code\n```\n| h | i |\n| --- | --- |\n| j \\| k | l |\n',
  )
  t.strictSame(
    blocks.map(({ kind }) => kind),
    ['heading', 'paragraph', 'list', 'code', 'table'],
  )
  t.match(blocks[1], { content: [{ text: 'two three' }] })
  t.match(blocks[2], { items: [[{ text: 'a b' }], [{ text: 'c' }]] })
  t.match(blocks[3], { text: '# code' })
  t.match(blocks[4], { rows: [[[{ text: 'j | k' }], [{ text: 'l' }]]] })
})

t.test('our own documents end, whatever stands in them', async t => {
  const docs = join(import.meta.dirname, '..', '..', '..')
  for (const file of ['docs/errors.md', 'docs/notifications.md', 'webui/support/guide.md', 'README.md']) {
    t.ok(parseMarkdown(readFileSync(join(docs, file), 'utf8')).length > 1, file)
  }
})
