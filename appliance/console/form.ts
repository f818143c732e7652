// Forms as reducers over keys: texts, secrets and choices in lines, with the cursor in one of them. Nothing here knows a terminal.
import type { Line } from './frame.ts'
import type { Key } from './keys.ts'
import { cut, plain, wrap } from './text.ts'

export type Values = Readonly<Record<string, string>>

interface FieldBase {
  name: string
  label: string
  /** At first. */
  value: string
  /** Shown while the cursor is there. */
  hint?: string
  /** Absent: always. */
  shownIf?: (values: Values) => boolean
}
export type Field =
  | (FieldBase & { kind: 'text' | 'secret'; maxLength: number })
  | (FieldBase & { kind: 'choice'; options: readonly { value: string; label: string }[] })

export interface FormFlaw {
  field: string
  text: string
}

export interface FormSpec {
  fields: readonly Field[]
  /** The first thing that is wrong. */
  check?: (values: Values) => FormFlaw | undefined
  /** What stands on the button. */
  submit?: string
}

export interface Form {
  spec: FormSpec
  values: Values
  /** Of the fields shown; the one after the last is the button. */
  focus: number
  /** In the text of the field, characters. */
  caret: number
  flaw?: FormFlaw
}

export type FormStep = { form: Form; done?: 'submitted' | 'left' }

export function openForm(spec: FormSpec): Form {
  const values = Object.fromEntries(spec.fields.map(({ name, value }) => [name, value]))
  return focused({ spec, values, focus: 0, caret: 0 }, 0)
}

export function formKey(form: Form, key: Key): FormStep {
  const { focus } = form
  const fields = shownFields(form)
  const field = fields[focus]
  switch (key.name) {
    case 'escape':
      return { form, done: 'left' }
    case 'up':
    case 'backTab':
      return { form: focused(form, focus - 1) }
    case 'down':
    case 'tab':
      return { form: focused(form, focus + 1) }
    case 'enter':
      return field ? { form: focused(form, focus + 1) } : submitted(form)
    default:
      if (!field) return { form }
      return { form: field.kind === 'choice' ? chosen(form, field, key) : edited(form, field, key) }
  }
}

function submitted(form: Form): FormStep {
  const shown = new Set(shownFields(form).map(({ name }) => name))
  // What is not shown is not meant.
  const values = Object.fromEntries(
    Object.entries(form.values).map(([name, text]) => [name, shown.has(name) ? text : '']),
  )
  const flaw = form.spec.check?.(values)
  if (!flaw) return { form: { ...form, values }, done: 'submitted' }
  const at = shownFields(form).findIndex(({ name }) => name === flaw.field)
  return { form: { ...focused(form, Math.max(0, at)), flaw } }
}

function chosen(form: Form, field: Field & { kind: 'choice' }, key: Key): Form {
  const forwards = key.name === 'right' || (key.name === 'character' && key.character === ' ')
  if (!forwards && key.name !== 'left') return form
  const { options, name } = field
  const at = options.findIndex(({ value }) => value === form.values[name])
  const next = options[(at + (forwards ? 1 : -1) + options.length) % options.length]
  return next ? withValue(form, name, next.value, 0) : form
}

function edited(form: Form, field: Field & { kind: 'text' | 'secret' }, key: Key): Form {
  const { name, maxLength } = field
  const text = [...(form.values[name] ?? '')]
  const { caret } = form
  const replaced = (from: number, to: number, added = '') =>
    withValue(form, name, text.toSpliced(from, to - from, added).join(''), from + added.length)
  switch (key.name) {
    case 'character': {
      // On a screen of ASCII nobody would see what else was typed; a secret may be anything.
      const allowed = field.kind === 'secret' || /^[\x20-\x7e]$/.test(key.character)
      if (!allowed || text.length >= maxLength) return form
      const added = withValue(form, name, text.toSpliced(caret, 0, key.character).join(''), caret + 1)
      return added
    }
    case 'backspace':
      return caret > 0 ? replaced(caret - 1, caret) : form
    case 'delete':
      return caret < text.length ? replaced(caret, caret + 1) : form
    case 'clear':
      return replaced(0, text.length)
    case 'left':
      return { ...form, caret: Math.max(0, caret - 1) }
    case 'right':
      return { ...form, caret: Math.min(text.length, caret + 1) }
    case 'home':
      return { ...form, caret: 0 }
    case 'end':
      return { ...form, caret: text.length }
    default:
      return form
  }
}

function withValue(form: Form, name: string, value: string, caret: number): Form {
  const { flaw: _flaw, ...rest } = form
  return { ...rest, values: { ...form.values, [name]: value }, caret }
}

function focused(form: Form, wanted: number): Form {
  const fields = shownFields(form)
  const focus = Math.min(Math.max(wanted, 0), fields.length)
  const field = fields[focus]
  const caret = field && field.kind !== 'choice' ? [...(form.values[field.name] ?? '')].length : 0
  return { ...form, focus, caret }
}

function shownFields({ spec, values }: Form): Field[] {
  return spec.fields.filter(field => field.shownIf?.(values) ?? true)
}

export interface DrawnForm {
  lines: Line[]
  cursor?: { row: number; column: number }
}

/** Fields, the button, and below them the hint or what is wrong. */
export function drawForm(form: Form, width: number): DrawnForm {
  const fields = shownFields(form)
  const labels = Math.max(0, ...fields.map(({ label }) => label.length)) + 3
  const room = width - labels - 2
  const lines: Line[] = []
  let cursor: DrawnForm['cursor']
  for (const [index, field] of fields.entries()) {
    const here = index === form.focus
    const label = ` ${field.label.padEnd(labels - 1)}`
    if (field.kind === 'choice') {
      lines.push([label, ' ', ...choiceSpans(field, form.values[field.name] ?? '', here)])
      continue
    }
    const text = [...(form.values[field.name] ?? '')]
    // Of a secret not even the length, once the cursor is elsewhere.
    const shown =
      field.kind === 'secret' ? '*'.repeat(here ? text.length : Math.min(text.length, 8)) : plain(text.join(''))
    const from = here ? Math.max(0, form.caret - room + 1) : 0
    const visible = here ? shown.slice(from, from + room) : cut(shown, room)
    lines.push([
      label,
      here ? '[' : ' ',
      { text: visible, style: 'bold' },
      here ? ' '.repeat(Math.max(0, Math.min(40, room) - visible.length)) : '',
      here ? ']' : '',
    ])
    if (here) cursor = { row: index, column: labels + 1 + form.caret - from }
  }
  const button = ` ${form.spec.submit ?? 'Continue'} `
  lines.push('', [' ', form.focus === fields.length ? { text: `[${button}]`, style: 'reverse' } : `[${button}]`], '')
  const hint = fields[form.focus]?.hint
  const below = form.flaw?.text ?? hint ?? ''
  for (const line of wrap(below, width - 1)) lines.push(form.flaw ? [{ text: ` ${line}`, style: 'bold' }] : ` ${line}`)
  return { lines, ...(cursor ? { cursor } : {}) }
}

function choiceSpans(
  { options }: Field & { kind: 'choice' },
  chosen: string,
  here: boolean,
): (string | { text: string; style: 'bold' | 'reverse' })[] {
  return options.flatMap(({ value, label }) => {
    const picked = value === chosen
    const text = picked ? `(*) ${label}` : `( ) ${label}`
    return [picked ? { text, style: here ? ('reverse' as const) : ('bold' as const) } : text, '  ']
  })
}
