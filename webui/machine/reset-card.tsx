// The factory reset: words to be typed, and the password again.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { useAction } from '../hooks.ts'
import { m } from '../locale/en-machine.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Field } from '../ui/field.tsx'
import { Card } from '../ui/layout-parts.tsx'
import { Note } from '../ui/messages.tsx'

const words = m.reset

export function ResetCard() {
  const [asked, setAsked] = useState(false)
  const [begun, setBegun] = useState(false)
  return (
    <Card title={words.title}>
      {begun ? (
        <div class="stack" role="status">
          <Note>
            <strong>{words.begunTitle}</strong>
            <p>{words.begun}</p>
          </Note>
          <p>
            {/* Loaded anew: nothing that this page knows holds any more. */}
            <a href="/" target="_self">
              {words.open}
            </a>
          </p>
        </div>
      ) : (
        <>
          <p>{words.text}</p>
          <p>{words.before}</p>
          <div>
            <Button danger onClick={() => setAsked(true)}>
              {words.act}
            </Button>
          </div>
        </>
      )}
      {asked && (
        <Question
          onClose={() => setAsked(false)}
          onBegun={() => {
            setAsked(false)
            setBegun(true)
          }}
        />
      )}
    </Card>
  )
}

function Question({ onClose, onBegun }: { onClose: () => void; onBegun: () => void }) {
  const [typed, setTyped] = useState('')
  const [password, setPassword] = useState('')
  const { busy, error, run } = useAction()
  const right = typed === words.words
  // The refusal names the runs: whoever goes on from there knows of them.
  const held = error?.code === 'RUNS_UNDER_WAY'
  const reset = async () => {
    if (!right || password === '') return
    if (await run(() => api.reset({ confirm: words.words, password, ...(held ? { force: true } : {}) }))) onBegun()
  }
  return (
    <Dialog
      title={words.ask}
      confirm={held ? words.although : words.act}
      danger
      busy={busy}
      disabled={!right || password === ''}
      error={error}
      onConfirm={() => void reset()}
      onClose={onClose}
    >
      <p>{words.askText}</p>
      <p>{words.before}</p>
      <Field
        label={words.type(words.words)}
        value={typed}
        onInput={setTyped}
        error={typed !== '' && !words.words.startsWith(typed) ? words.typeWrong : undefined}
      />
      <Field
        label={words.password}
        type="password"
        value={password}
        onInput={setPassword}
        autocomplete="current-password"
      />
    </Dialog>
  )
}
