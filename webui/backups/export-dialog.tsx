// Asks for the passphrase of an export, and has the browser save it.
import { useState } from 'preact/hooks'
import { useAction } from '../hooks.ts'
import { b } from '../locale/en-backups.ts'
import type { NamedFile } from '../request.ts'
import { saveFile } from '../save-file.ts'
import { Dialog } from '../ui/dialog.tsx'
import { Field } from '../ui/field.tsx'
import { OwnPassword } from '../ui/own-password.tsx'
import { passphraseErrors } from './passphrase.ts'

export interface ExportDialogProps {
  title: string
  /** The account's own password is asked for, too. */
  withPassword?: boolean
  act: (secrets: { passphrase: string; password: string }) => Promise<NamedFile>
  onDone: () => void
  onClose: () => void
}

export function ExportDialog({ title, withPassword = false, act, onDone, onClose }: ExportDialogProps) {
  const [passphrase, setPassphrase] = useState('')
  const [again, setAgain] = useState('')
  const [password, setPassword] = useState('')
  const [told, setTold] = useState(false)
  const { busy, error, run } = useAction()
  const errors = passphraseErrors(passphrase, again)
  const submit = async () => {
    setTold(true)
    if (Object.keys(errors).length > 0) return
    if (await run(async () => saveFile(await act({ passphrase, password })))) onDone()
  }
  const shared = { type: 'password', autocomplete: 'new-password', maxLength: 1024 } as const
  return (
    <Dialog
      title={title}
      confirm={b.exportAct}
      busy={busy}
      disabled={withPassword && password === ''}
      error={error}
      onConfirm={() => void submit()}
      onClose={onClose}
    >
      <div class="stack">
        <p>{b.exportText}</p>
        <Field
          {...shared}
          label={b.passphrase}
          hint={b.passphraseHint}
          value={passphrase}
          onInput={setPassphrase}
          error={told ? errors.passphrase : undefined}
        />
        <Field {...shared} label={b.again} value={again} onInput={setAgain} error={told ? errors.again : undefined} />
        {withPassword && <OwnPassword label={b.password} value={password} onInput={setPassword} />}
      </div>
    </Dialog>
  )
}
