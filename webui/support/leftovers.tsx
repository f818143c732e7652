// What carries the connector's mark outside: looked for on demand, cleaned up, adopted.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { Leftover } from '../contract.ts'
import { bytes, moment } from '../format.ts'
import { useAction } from '../hooks.ts'
import { noteRun } from '../live.ts'
import { d } from '../locale/en-support.ts'
import { useMay } from '../session.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { EmptyState, Problem, toast } from '../ui/messages.tsx'
import { Progress } from '../ui/progress.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'
import { State, type StateKind } from '../ui/state.tsx'

const words = d.leftovers
const kinds: Record<Leftover['verdict'], StateKind> = {
  inUse: 'success',
  remove: 'warning',
  adopt: 'pending',
  keep: 'stopped',
}

export function LeftoversPart() {
  const [items, setItems] = useState<Leftover[]>()
  const [asked, setAsked] = useState(false)
  const look = useAction()
  const clean = useAction()
  const mayClean = useMay('administrator')
  const ask = () => look.run(async () => setItems((await api.leftovers()).items))
  const cleanUp = async () => {
    if (!(await clean.run(api.cleanLeftovers))) return
    setAsked(false)
    toast(words.begun)
  }
  return (
    <div class="stack loose">
      <p>{words.text}</p>
      <div class="buttons">
        <Button icon="turn" kind="primary" busy={look.busy} onClick={() => void ask()}>
          {words.look}
        </Button>
        {mayClean && <Button onClick={() => setAsked(true)}>{words.clean}</Button>}
      </div>
      {look.busy && <Progress label={words.looking} words={[words.looking]} />}
      {look.error && <Problem error={look.error} />}
      {!items && !look.busy && !look.error && (
        <EmptyState icon="list" title={words.first}>
          {words.firstHint}
        </EmptyState>
      )}
      {items && <LeftoverTable items={items} onChanged={() => void ask()} />}
      {asked && (
        <Dialog
          title={words.cleanTitle}
          confirm={words.clean}
          danger
          busy={clean.busy}
          error={clean.error}
          onClose={() => setAsked(false)}
          onConfirm={() => void cleanUp()}
        >
          <p>{words.cleanText}</p>
        </Dialog>
      )}
    </div>
  )
}

function LeftoverTable({ items, onChanged }: { items: readonly Leftover[]; onChanged: () => void }) {
  const mayAdopt = useMay('administrator')
  return (
    <SimpleTable<Leftover>
      label={d.tabs.leftovers}
      rows={items}
      rowKey={item => `${item.kind} ${item.id} ${item.where}`}
      columns={[
        {
          title: words.what,
          cell: item => (
            <>
              {words.kinds[item.kind]}
              <br />
              <code>{item.id}</code>
            </>
          ),
        },
        {
          title: words.becomes,
          cell: item => (
            <>
              <State kind={kinds[item.verdict]} word={words.verdicts[item.verdict]} />
              <div class="hint">{item.why}</div>
              {item.verdict === 'adopt' && mayAdopt && <Adopt imageId={item.id} onAdopted={onChanged} />}
            </>
          ),
        },
        { title: words.where, wideOnly: true, cell: item => item.where },
        { title: words.server, wideOnly: true, cell: item => item.serverName },
        { title: words.created, wideOnly: true, cell: item => item.createdAt && moment(item.createdAt) },
        {
          title: words.size,
          wideOnly: true,
          end: true,
          cell: item => item.sizeBytes !== undefined && bytes(item.sizeBytes),
        },
      ]}
      empty={
        <EmptyState icon="check" title={words.empty}>
          {words.emptyHint}
        </EmptyState>
      }
    />
  )
}

function Adopt({ imageId, onAdopted }: { imageId: string; onAdopted: () => void }) {
  const { busy, error, run } = useAction()
  const adopt = async () => {
    if (!(await run(async () => noteRun(await api.adoptImage(imageId))))) return
    toast(words.adopted)
    onAdopted()
  }
  return (
    <>
      <Button busy={busy} onClick={() => void adopt()}>
        {words.adopt}
      </Button>
      {error && <Problem error={error} />}
    </>
  )
}
