import t from 'tap'
import { frameOf, Painter, paragraph, smallest, textOf } from '../../appliance/console/frame.ts'
import { ScreenModel } from './screen-model.ts'

const page = (body: string[], title = 'Title') => frameOf({ title, body, help: 'Esc: back' }, smallest)

t.test('a screen has its title in the first row and its keys in the last, however long the body is', async t => {
  for (const lines of [0, 3, 60]) {
    const screen = new ScreenModel()
    screen.write(new Painter().paint(page(Array.from({ length: lines }, (_, row) => `row ${row}`)), smallest))
    t.strictSame([screen.lines[0], screen.lines[23], screen.faults], [' Title', ' Esc: back', []])
  }
})

t.test('only lines that differ are sent, and nothing when none does', async t => {
  const painter = new Painter()
  const screen = new ScreenModel()
  screen.write(painter.paint(page(['one', 'two', 'three']), smallest))
  const sent = painter.paint(page(['one', '2', 'three']), smallest)
  t.equal(sent, '\x1b[4;1H2\x1b[K\x1b[?25l')
  screen.write(sent)
  t.strictSame(screen.lines.slice(2, 5), ['one', '2', 'three'])
  t.equal(painter.paint(page(['one', '2', 'three']), smallest), '')
  painter.forget()
  screen.write(painter.paint(page(['one']), smallest))
  t.equal(screen.clears, 2)
  t.strictSame(screen.lines.slice(2, 5), ['one', '', ''])
})

t.test('hostile text in any span is made plain and cut, and the last column stays empty', async t => {
  const screen = new ScreenModel()
  const body = [`\x1b[2J${'x'.repeat(200)}`, '\x1b]0;t\x07y\nz']
  screen.write(new Painter().paint(page(body, 'a\x1b[5;5Hb'.repeat(40)), smallest))
  t.strictSame([screen.faults, screen.clears], [[], 1])
  t.equal(screen.lines[2], `${'x'.repeat(76)}...`)
  t.equal(screen.lines[3], 'y z')
  t.ok(screen.lines.every(line => line.length < 80))
})

t.test('the cursor is shown where a page wants it, and hidden otherwise', async t => {
  const painter = new Painter()
  const screen = new ScreenModel()
  screen.write(
    painter.paint(frameOf({ title: 't', body: ['x'], help: '', cursor: { row: 0, column: 4 } }, smallest), smallest),
  )
  t.equal(screen.cursorShown, true)
  screen.write(painter.paint(page(['x']), smallest))
  t.equal(screen.cursorShown, false)
  t.equal(textOf(['a', { text: 'b', style: 'bold' }]), 'ab')
  t.strictSame(paragraph('a b', smallest), [' a b'])
})
