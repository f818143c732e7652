// The passphrase of an export: long enough, and twice the same.
import t from 'tap'
import { passphraseErrors } from '../../../webui/backups/passphrase.ts'

t.test('twelve characters are enough, however many bytes they have, and eleven are not', async t => {
  t.strictSame(passphraseErrors('twelve chars', 'twelve chars'), {})
  t.match(passphraseErrors('eleven char', 'eleven char'), { passphrase: /12/ })
  t.match(passphraseErrors('', ''), { passphrase: /12/ })
  t.match(
    passphraseErrors('😀'.repeat(11), '😀'.repeat(11)),
    { passphrase: /12/ },
    'a character is one, though it is two units',
  )
})

t.test('one that is not typed twice in the same way is told', async t => {
  t.match(passphraseErrors('twelve chars', 'twelve char'), { again: /same/ })
  t.strictSame(Object.keys(passphraseErrors('short', 'other')), ['passphrase'], 'one thing at a time')
})
