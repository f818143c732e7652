// Fields of forms: a label, a hint, what is wrong, and the input that all three belong to.
import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

interface Common {
  label: string
  hint?: ComponentChildren
  error?: string | undefined
  required?: boolean
  disabled?: boolean
  class?: string
}

export interface FieldProps extends Common {
  value: string
  onInput: (value: string) => void
  type?: 'text' | 'password' | 'search' | 'number' | 'date' | 'time' | 'datetime-local'
  placeholder?: string
  autocomplete?: string
  min?: number | string
  max?: number | string
  maxLength?: number
  /** Lines; makes it a text area. */
  rows?: number
  /** Words to choose from, or to write something else. */
  suggestions?: readonly string[]
}

/** A line of text, or several. */
export function Field(props: FieldProps) {
  const { value, onInput, type = 'text', rows, suggestions } = props
  const id = useId()
  const shared = {
    id,
    class: 'input',
    value,
    required: props.required,
    disabled: props.disabled,
    placeholder: props.placeholder,
    maxLength: props.maxLength,
    'aria-invalid': props.error ? ('true' as const) : undefined,
    'aria-describedby': describedBy(id, props),
    autocapitalize: 'off' as const,
    spellcheck: false,
  }
  return (
    <Frame {...props} id={id}>
      {rows === undefined ? (
        <input
          {...shared}
          // Preact types each kind of input by itself: which one this is is known at run time only.
          type={type as 'text'}
          min={props.min}
          max={props.max}
          autocomplete={props.autocomplete ?? 'off'}
          list={suggestions ? `${id}-list` : undefined}
          onInput={event => onInput(event.currentTarget.value)}
        />
      ) : (
        <textarea {...shared} rows={rows} onInput={event => onInput(event.currentTarget.value)} />
      )}
      {suggestions && (
        <datalist id={`${id}-list`}>
          {suggestions.map(suggestion => (
            <option key={suggestion} value={suggestion} />
          ))}
        </datalist>
      )}
    </Frame>
  )
}

export interface SelectProps<T extends string> extends Common {
  value: T
  onInput: (value: T) => void
  options: readonly { value: T; label: string }[]
}

export function Select<T extends string>(props: SelectProps<T>) {
  const id = useId()
  return (
    <Frame {...props} id={id}>
      <select
        id={id}
        class="input"
        value={props.value}
        required={props.required}
        disabled={props.disabled}
        aria-invalid={props.error ? 'true' : undefined}
        aria-describedby={describedBy(id, props)}
        onInput={event => props.onInput(event.currentTarget.value as T)}
      >
        {props.options.map(option => (
          <option key={option.value} value={option.value} selected={option.value === props.value}>
            {option.label}
          </option>
        ))}
      </select>
    </Frame>
  )
}

export interface CheckProps {
  label: ComponentChildren
  checked: boolean
  onInput: (checked: boolean) => void
  hint?: ComponentChildren
  disabled?: boolean
}

export function Check({ label, checked, onInput, hint, disabled }: CheckProps) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={checked}
        disabled={disabled}
        onInput={event => onInput(event.currentTarget.checked)}
      />
      <span>
        {label}
        {hint && <span class="hint">{hint}</span>}
      </span>
    </label>
  )
}

export interface ChoiceProps<T extends string> {
  legend: string
  value: T
  onInput: (value: T) => void
  options: readonly { value: T; label: string; hint?: string; disabled?: boolean }[]
}

/** One of a few, all in sight. */
export function Choice<T extends string>({ legend, value, onInput, options }: ChoiceProps<T>) {
  const name = useId()
  return (
    <fieldset class="stack">
      <legend>{legend}</legend>
      {options.map(option => (
        <label key={option.value} class="check">
          <input
            type="radio"
            name={name}
            value={option.value}
            checked={option.value === value}
            disabled={option.disabled}
            onInput={() => onInput(option.value)}
          />
          <span>
            {option.label}
            {option.hint && <span class="hint">{option.hint}</span>}
          </span>
        </label>
      ))}
    </fieldset>
  )
}

function Frame(props: Common & { id: string; children: ComponentChildren }) {
  const { id, label, hint, error } = props
  return (
    <div class={`field ${props.class ?? ''}`}>
      <label for={id}>{label}</label>
      {props.children}
      {hint && (
        <div id={`${id}-hint`} class="hint">
          {hint}
        </div>
      )}
      {error && (
        <div id={`${id}-error`} class="wrong">
          {error}
        </div>
      )}
    </div>
  )
}

function describedBy(id: string, { hint, error }: Pick<Common, 'hint' | 'error'>): string | undefined {
  const ids = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean)
  return ids.length === 0 ? undefined : ids.join(' ')
}
