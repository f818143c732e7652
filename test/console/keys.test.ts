import t from 'tap'
import { KeyDecoder } from '../../appliance/console/keys.ts'

const read = (...chunks: string[]) => {
  const decoder = new KeyDecoder()
  const keys = chunks.flatMap(chunk => decoder.push(chunk))
  const undecided = decoder.undecided
  return {
    keys: [...keys, ...decoder.flush()].map(key => (key.name === 'character' ? key.character : key.name)),
    undecided,
  }
}

t.test(
  'arrows, Home, End and pages of VT100, xterm and the Linux console are one key each, however they arrive',
  async t => {
    t.strictSame(read('\x1b[A\x1bOB\x1b[C\x1bOD').keys, ['up', 'down', 'right', 'left'])
    t.strictSame(read('\x1b[1~\x1b[4~\x1b[H\x1bOF\x1b[5~\x1b[6~\x1b[3~\x1b[Z').keys, [
      ...['home', 'end', 'home', 'end', 'pageUp', 'pageDown', 'delete', 'backTab'],
    ])
    t.strictSame(read('\x1b', '[', 'A', 'x').keys, ['up', 'x'])
    t.strictSame(read('\x1b[[A\x1b[15~\x1b[1;5C\x1b[?6cz').keys, ['right', 'z'])
  },
)

t.test('an escape alone is the escape key, once nothing follows', async t => {
  t.match(read('\x1b'), { keys: ['escape'], undecided: true })
  t.strictSame(read('\x1b\x1b[A').keys, ['escape', 'up'])
  t.strictSame(read('\x1bq').keys, ['escape', 'q'])
  t.strictSame(read(`\x1b[${'1'.repeat(40)}`).keys.slice(0, 2), ['escape', '['])
  t.strictSame(read('\x1b[').keys, [])
})

t.test('Enter is one key with or without a line feed; Ctrl-C, Ctrl-D, Ctrl-Z and Ctrl-\\ are none', async t => {
  t.strictSame(read('a\r\nb\r\rc\n').keys, ['a', 'enter', 'b', 'enter', 'enter', 'c', 'enter'])
  t.strictSame(read('\x03\x04\x1a\x1c\x00\x11\x13').keys, [])
  t.strictSame(read('\x7f\b\t\x15\x0cü😀').keys, ['backspace', 'backspace', 'tab', 'clear', 'redraw', 'ü', '😀'])
})
