// Takes an exported backup and its passphrase, and puts it in the place of everything that is stored.
import { useEffect, useRef, useState } from 'preact/hooks'
import { useAction } from '../hooks.ts'
import { b } from '../locale/en-backups.ts'
import { Dialog } from '../ui/dialog.tsx'
import { Field } from '../ui/field.tsx'
import { FileField } from '../ui/file-field.tsx'
import { OwnPassword } from '../ui/own-password.tsx'
import { SendingProgress } from '../ui/sending.tsx'
import type { Sending, UploadOptions } from '../upload.ts'

export interface ImportDialogProps {
  /** What it means here. */
  text: string
  /** The account's own password is asked for, too. */
  withPassword?: boolean
  send: (file: File, options: UploadOptions) => Promise<unknown>
  act: (secrets: { passphrase: string; password: string }) => Promise<unknown>
  onDone: () => void
  onClose: () => void
}

export function ImportDialog({ text, withPassword = false, send, act, onDone, onClose }: ImportDialogProps) {
  const [file, setFile] = useState<File>()
  const [passphrase, setPassphrase] = useState('')
  const [password, setPassword] = useState('')
  /** The file that the appliance has already: a wrong passphrase does not cost another upload. */
  const sent = useRef<File | undefined>(undefined)
  const [sending, setSending] = useState<Sending>()
  const leaving = useRef(new AbortController())
  // Whoever closes the dialog wants nothing more to be sent.
  useEffect(() => () => leaving.current.abort(), [])
  const { busy, error, run, clear } = useAction()
  const submit = async () => {
    if (!file) return
    const done = await run(async () => {
      if (sent.current !== file) await sendIt(file)
      sent.current = file
      await act({ passphrase, password })
    })
    if (done) onDone()
  }
  const sendIt = async (chosen: File) => {
    const begun = { totalBytes: chosen.size, startedMs: performance.now() }
    const onProgress = (sentBytes: number) => setSending({ ...begun, sentBytes })
    onProgress(0)
    await send(chosen, { onProgress, signal: leaving.current.signal }).finally(() => setSending(undefined))
  }
  const complete = file !== undefined && passphrase !== '' && (!withPassword || password !== '')
  return (
    <Dialog
      title={b.importTitle}
      confirm={b.importAct}
      danger
      busy={busy}
      disabled={!complete}
      error={error}
      onConfirm={() => void submit()}
      // What has arrived is being restored: there is no way back from here.
      onClose={() => {
        if (sending || !busy) onClose()
      }}
    >
      <div class="stack">
        <p>{text}</p>
        <p>{b.importOther}</p>
        <FileField
          label={b.file}
          hint={b.fileHint}
          accept=".hoistbackup"
          disabled={busy}
          onInput={chosen => {
            clear()
            sent.current = undefined
            setFile(chosen)
          }}
        />
        <Field
          label={b.passphrase}
          type="password"
          value={passphrase}
          onInput={setPassphrase}
          maxLength={1024}
          required
        />
        {withPassword && <OwnPassword label={b.password} value={password} onInput={setPassword} />}
        {sending && <SendingProgress of={sending} label={b.sending} />}
        {busy && !sending && (
          <p class="hint" role="status">
            {b.importing}
          </p>
        )}
      </div>
    </Dialog>
  )
}
