// Recent log lines, newest first, by level and text.
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { LogLine } from '../contract.ts'
import { moment } from '../format.ts'
import { useAction, useResource } from '../hooks.ts'
import { d } from '../locale/en-support.ts'
import { Button } from '../ui/button.tsx'
import { Field, Select } from '../ui/field.tsx'
import { EmptyState, Loading, Problem } from '../ui/messages.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'
import { State, type StateKind } from '../ui/state.tsx'

const words = d.logs
type Level = keyof typeof words.levels
const levels: readonly Level[] = ['debug', 'info', 'warn', 'error']
const pageSize = 200
/** Typing asks the appliance only when it pauses, milliseconds. */
const typingMs = 300

export function LogsPart() {
  const [level, setLevel] = useState<Level>('info')
  const [text, setText] = useState('')
  const [asked, setAsked] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => setAsked(text), typingMs)
    return () => clearTimeout(timer)
  }, [text])
  const newest = useResource(signal => api.logs({ level, text: asked, limit: pageSize }, signal), [level, asked])
  const [older, setOlder] = useState<{ items: LogLine[]; next?: string }>()
  const more = useAction()
  useEffect(() => setOlder(undefined), [newest.data])
  const lines = [...(newest.data?.items ?? []), ...(older?.items ?? [])]
  const next = older ? older.next : newest.data?.next
  const loadOlder = () =>
    more.run(async () => {
      if (next === undefined) return
      const page = await api.logs({ level, text: asked, limit: pageSize, after: next })
      setOlder({ ...page, items: [...(older?.items ?? []), ...page.items] })
    })
  return (
    <>
      <div class="toolbar">
        <Field class="search" type="search" label={words.search} value={text} onInput={setText} />
        <Select
          label={words.level}
          value={level}
          onInput={setLevel}
          options={levels.map(value => ({ value, label: words.levels[value] }))}
        />
        <Button icon="turn" busy={newest.loading} onClick={newest.reload}>
          {words.reload}
        </Button>
      </div>
      {newest.error && <Problem error={newest.error} onRetry={newest.reload} />}
      {!newest.data && !newest.error && <Loading />}
      {newest.data && (
        <>
          <LogTable lines={lines} />
          <div class="buttons">
            <span class="hint" role="status">
              {words.shown(lines.length)}
            </span>
            {next !== undefined && (
              <Button busy={more.busy} onClick={() => void loadOlder()}>
                {words.older}
              </Button>
            )}
          </div>
          {more.error && <Problem error={more.error} />}
        </>
      )}
    </>
  )
}

const kinds: Record<string, StateKind> = { error: 'error', fatal: 'error', warn: 'warning' }

function LogTable({ lines }: { lines: readonly LogLine[] }) {
  return (
    <SimpleTable<LogLine & { key: number }>
      label={d.tabs.logs}
      rows={lines.map((line, key) => ({ ...line, key }))}
      rowKey={line => String(line.key)}
      columns={[
        { title: words.time, cell: line => <span class="nowrap">{moment(line.at, { seconds: true })}</span> },
        {
          title: words.level,
          wideOnly: true,
          cell: line => (
            <State kind={kinds[line.level] ?? 'notStarted'} word={words.levels[line.level as Level] ?? line.level} />
          ),
        },
        { title: words.message, cell: line => <LogMessage line={line} /> },
      ]}
      empty={
        <EmptyState icon="list" title={words.empty}>
          {words.emptyHint}
        </EmptyState>
      }
    />
  )
}

function LogMessage({ line }: { line: LogLine }) {
  const fields = line.fields ?? {}
  if (Object.keys(fields).length === 0) return <>{line.message}</>
  return (
    <details>
      <summary>{line.message}</summary>
      <pre>{JSON.stringify(fields, undefined, 2)}</pre>
    </details>
  )
}
