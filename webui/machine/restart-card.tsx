// Restarting the service or the machine, and waiting until it is back.
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api.ts'
import { useAction } from '../hooks.ts'
import { m } from '../locale/en-machine.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Card } from '../ui/layout-parts.tsx'
import { Loading, Note, toast } from '../ui/messages.tsx'
import { awaitRestart } from './await-restart.ts'

const words = m.restart

/** A machine needs a minute or two, and vSphere may be slow. Milliseconds. */
const backMs = 5 * 60_000

export function RestartCard({ startedAt, onBack }: { startedAt: string | undefined; onBack: () => void }) {
  const [asked, setAsked] = useState<'service' | 'machine'>()
  const [waiting, setWaiting] = useState(false)
  const { busy, error, run, clear } = useAction()
  // The refusal names the runs: whoever goes on from there knows of them.
  const held = error?.code === 'RUNS_UNDER_WAY'
  const ask = (what: 'service' | 'machine') => {
    clear()
    setAsked(what)
  }
  const restart = async (what: 'service' | 'machine') => {
    if (!(await run(() => api.restart(what, held)))) return
    setAsked(undefined)
    setWaiting(true)
  }
  const back = () => {
    setWaiting(false)
    toast(words.back)
    onBack()
  }
  return (
    <Card title={words.title}>
      <p>{words.text}</p>
      {waiting ? (
        <Waiting before={startedAt} onBack={back} />
      ) : (
        <div class="buttons">
          <Button onClick={() => ask('service')}>{words.service}</Button>
          <Button onClick={() => ask('machine')}>{words.machine}</Button>
        </div>
      )}
      {asked && (
        <Dialog
          title={asked === 'service' ? words.askService : words.askMachine}
          confirm={held ? words.although : asked === 'service' ? words.service : words.machine}
          busy={busy}
          error={error}
          onConfirm={() => void restart(asked)}
          onClose={() => setAsked(undefined)}
        >
          <p>{asked === 'service' ? words.serviceText : words.machineText}</p>
          <p>{words.text}</p>
        </Dialog>
      )}
    </Card>
  )
}

function Waiting({ before, onBack }: { before: string | undefined; onBack: () => void }) {
  const [turn, setTurn] = useState(0)
  const [late, setLate] = useState(false)
  useEffect(() => {
    const leaving = new AbortController()
    setLate(false)
    const signal = AbortSignal.any([leaving.signal, AbortSignal.timeout(backMs)])
    const startedAt = async (given: AbortSignal) => (await api.system(given)).startedAt
    void awaitRestart({ before, startedAt, signal }).then(isBack => {
      if (isBack) onBack()
      else if (!leaving.signal.aborted) setLate(true)
    })
    return () => leaving.abort()
  }, [turn])
  if (!late)
    return (
      <>
        <Loading />
        <p>{words.waiting}</p>
      </>
    )
  return (
    <>
      <Note>{words.late}</Note>
      <div>
        <Button icon="turn" onClick={() => setTurn(turn + 1)}>
          {words.again}
        </Button>
      </div>
    </>
  )
}
