import t from 'tap'
import { cut, plain, wrap } from '../../appliance/console/text.ts'

t.test('what others have written cannot move the cursor, colour the screen or ring the bell', async t => {
  t.equal(plain('a\x1b[2J\x1b[31mred\x1b[0m\x1b]0;title\x07b\x1bPq#\x1b\\c\x1b(0\x9b5nd\x07'), 'aredbcd ')
  t.equal(plain('half \x1b['), 'half ')
  t.equal(plain('line\r\nnext\tx\u2028y'), 'line next x y')
  t.equal(plain('right\u202eleft\u200bx'), 'rightleftx')
  for (let seed = 1, round = 0; round < 2000; round++) {
    let text = ''
    for (let length = 0; length < 12; length++) {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      text += String.fromCharCode(seed % 7 === 0 ? 0x1b : seed % 0xff)
    }
    if (/[^\x20-\x7e]/.test(plain(text))) t.fail(JSON.stringify(text))
  }
})

t.test('letters lose their accents, quotes and dashes become those of ASCII, the rest is a question mark', async t => {
  t.equal(plain('Grüße — “naïve” … 東'), 'Grusse - "naive" ... ?')
})

t.test('texts are broken at blanks, and within words that are longer than a line', async t => {
  t.strictSame(wrap('one two three', 7), ['one two', 'three'])
  t.strictSame(wrap('abcdefghij kl', 4), ['abcd', 'efgh', 'ij', 'kl'])
  t.strictSame(wrap('abcdefgh', 4), ['abcd', 'efgh'])
  t.strictSame(wrap('', 4), [''])
  t.equal(cut('abcdefgh', 6), 'abc...')
  t.equal(cut('abcdef', 6), 'abcdef')
})
