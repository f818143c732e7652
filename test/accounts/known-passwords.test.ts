// The list: long enough to matter, in the form in which it is searched.
import t from 'tap'
import { knownPasswords, knownWords } from '../../appliance/accounts/known-passwords.ts'

t.test('it holds long passwords, lower case, without blanks', async t => {
  t.ok(knownPasswords.size > 150, `${knownPasswords.size}`)
  for (const password of knownPasswords) {
    t.equal(password, password.toLowerCase())
    t.match(password, /^\S{10,}$/)
  }
})

t.test('the words stand with the longer ones first, and the own ones are among them', async t => {
  t.strictSame(
    knownWords,
    knownWords.toSorted((a, b) => b.length - a.length),
  )
  for (const word of ['hoist', 'vmware', 'vcenter', 'appliance', 'administrator']) t.ok(knownWords.includes(word), word)
  for (const word of knownWords) t.match(word, /^[a-z0-9]{3,}$/)
})
