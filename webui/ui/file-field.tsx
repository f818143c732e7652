// A field for one file of the reader's own machine.
import { useId } from 'preact/hooks'

export interface FileFieldProps {
  label: string
  hint?: string
  /** Ends of names, `.pem`; a help for choosing, not a check. */
  accept?: string
  disabled?: boolean
  onInput: (file: File | undefined) => void
}

export function FileField({ label, hint, accept, disabled, onInput }: FileFieldProps) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        class="input"
        type="file"
        accept={accept}
        disabled={disabled}
        aria-describedby={hint && `${id}-hint`}
        onInput={event => onInput(event.currentTarget.files?.[0])}
      />
      {hint && (
        <div id={`${id}-hint`} class="hint">
          {hint}
        </div>
      )}
    </div>
  )
}
