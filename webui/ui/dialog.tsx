// A question that has to be answered first: the browser's own modal dialog keeps the focus and gives it back.
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { t } from '../locale/en.ts'
import type { ApiError } from '../request.ts'
import { Button } from './button.tsx'
import { Problem } from './messages.tsx'

export interface DialogProps {
  title: string
  children?: ComponentChildren
  /** The button that does it. */
  confirm: string
  danger?: boolean
  busy?: boolean
  disabled?: boolean
  error?: ApiError | undefined
  onConfirm: () => void
  onClose: () => void
  /** There is nothing to be taken back: one button. */
  only?: boolean
}

export function Dialog(props: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null)
  const title = useId()
  useEffect(() => {
    const dialog = ref.current
    dialog?.showModal()
    return () => dialog?.close()
  }, [])
  return (
    <dialog
      class="dialog"
      ref={ref}
      aria-labelledby={title}
      onCancel={event => {
        event.preventDefault()
        props.onClose()
      }}
    >
      <form
        onSubmit={event => {
          event.preventDefault()
          props.onConfirm()
        }}
      >
        <h2 id={title}>{props.title}</h2>
        {props.children}
        {props.error && <Problem error={props.error} />}
        <div class="buttons">
          {!props.only && <Button onClick={props.onClose}>{t.cancel}</Button>}
          <Button
            type="submit"
            kind={props.danger ? 'outline' : 'primary'}
            danger={props.danger ?? false}
            busy={props.busy}
            disabled={props.disabled}
          >
            {props.confirm}
          </Button>
        </div>
      </form>
    </dialog>
  )
}
