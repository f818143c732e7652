import t from 'tap'
import { drawForm, type Form, type FormSpec, formKey, openForm } from '../../appliance/console/form.ts'
import { textOf } from '../../appliance/console/frame.ts'
import { keysOf } from './console-lab.ts'

const spec: FormSpec = {
  fields: [
    { kind: 'text', name: 'name', label: 'Name', value: 'anna', maxLength: 60, hint: 'Hint' },
    {
      kind: 'choice',
      name: 'how',
      label: 'How',
      value: 'dhcp',
      options: [
        { value: 'dhcp', label: 'DHCP' },
        { value: 'static', label: 'static' },
      ],
    },
    {
      kind: 'text',
      name: 'address',
      label: 'Address',
      value: '',
      maxLength: 10,
      shownIf: ({ how }) => how === 'static',
    },
    { kind: 'secret', name: 'password', label: 'Password', value: '', maxLength: 20 },
  ],
  check: ({ how, address }) =>
    how === 'static' && address === '' ? { field: 'address', text: 'An address is missing.' } : undefined,
}
function play(script: string, form: Form = openForm(spec)) {
  let step: ReturnType<typeof formKey> = { form }
  for (const key of keysOf(script)) step = formKey(step.form, key)
  return step
}
const text = (form: Form) => drawForm(form, 79).lines.map(textOf).join('\n')

t.test('a text is edited where the cursor is, up to its length', async t => {
  t.equal(play('{home}X{right}{delete}{end}Z{left}{backspace}').form.values.name, 'XanZ')
  t.equal(play('{clear}new').form.values.name, 'new')
  t.equal(play('{down}{right}{down}0123456789abc').form.values.address, '0123456789')
  t.equal(play('ü\u{1f600}').form.values.name, 'anna', 'what nobody would see on the screen')
  t.equal(play('{down}{down}ü').form.values.password, 'ü')
})

t.test('fields that a choice makes meaningless are not shown, and count as empty', async t => {
  t.notMatch(text(openForm(spec)), /Address/)
  const typed = play('{down} {down}10.0.0.1')
  t.match(text(typed.form), /\(\*\) static[\s\S]*Address {3}\[10\.0\.0\.1/)
  const back = play('{up}{left}{down}{down}{down}{enter}', typed.form)
  t.match(back, { done: 'submitted', form: { values: { how: 'dhcp', address: '' } } })
})

t.test(
  'Enter leads through the fields to the button; what is wrong is said at its field, until it changes',
  async t => {
    const wrong = play('{enter}{right}{enter}{enter}{enter}{enter}')
    t.equal(wrong.done, undefined)
    t.match(text(wrong.form), /An address is missing\./)
    t.notMatch(text(play('1', wrong.form).form), /missing/)
    t.equal(play('1{enter}{enter}{enter}', wrong.form).done, 'submitted')
  },
)

t.test('Escape leaves, wherever the cursor is', async t => {
  for (const before of ['', '{down}', '{down}{down}{down}{down}']) t.equal(play(`${before}{escape}`).done, 'left')
})

t.test('a secret is never shown, not even its length once the cursor is elsewhere', async t => {
  const { form } = play('{down}{down}correct horse')
  t.notMatch(text(form), /correct/)
  t.match(text(form), /\[\*{13} /)
  t.match(text(play('{up}', form).form), / \*{8}$/m)
})

t.test('a text that is longer than its place moves under the cursor, and nothing is wider than the screen', async t => {
  const { form } = play('{clear}https://a-very-long-name.of-a-host.example.com:3128/and-more')
  const { lines, cursor } = drawForm(form, 40)
  t.ok(lines.every(line => textOf(line).length <= 40))
  t.ok((cursor?.column ?? 99) < 40)
  t.match(textOf(lines[0] ?? ''), /and-more/)
})
