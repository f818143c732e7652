// Weekly windows in a form: days and times of one, a list of them, and a limit of bandwidth with its timetable.
import type { ComponentChildren } from 'preact'
import type { WeeklyWindow } from '../contract.ts'
import { t } from '../locale/en.ts'
import { Button } from './button.tsx'
import { Check, Field } from './field.tsx'
import { type BandwidthDraft, bytesOf, newWindow, windowIsWrong } from './window-draft.ts'

const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
const words = t.windows

function WindowFields({ window, onInput }: { window: WeeklyWindow; onInput: (window: WeeklyWindow) => void }) {
  const toggle = (day: (typeof days)[number], on: boolean) =>
    onInput({ ...window, days: days.filter(one => (one === day ? on : window.days.includes(one))) })
  return (
    <>
      <fieldset>
        <legend>{words.days}</legend>
        <div class="buttons">
          {days.map(day => (
            <Check
              key={day}
              label={t.weekdays[day]}
              checked={window.days.includes(day)}
              onInput={on => toggle(day, on)}
            />
          ))}
        </div>
      </fieldset>
      {/* Text: 24:00 is the day's end, and no browser's field for times takes it. */}
      <Field label={words.from} value={window.from} maxLength={5} onInput={from => onInput({ ...window, from })} />
      <Field label={words.to} value={window.to} maxLength={5} onInput={to => onInput({ ...window, to })} />
    </>
  )
}

/** Windows one below the other, each with what belongs to it; others can be added. */
export function WindowList<Entry extends { window: WeeklyWindow }>(props: {
  entries: readonly Entry[]
  onInput: (entries: Entry[]) => void
  add: string
  /** What a window is added with. */
  fresh: (window: WeeklyWindow) => Entry
  /** Fields besides days and times. */
  more?: (entry: Entry, put: (entry: Entry) => void) => ComponentChildren
}) {
  const { entries, onInput } = props
  return (
    <>
      {entries.map((entry, index) => {
        const put = (next: Entry) => onInput(entries.with(index, next))
        return (
          <div key={index} class="window">
            <WindowFields window={entry.window} onInput={window => put({ ...entry, window })} />
            {props.more?.(entry, put)}
            <Button
              icon="close"
              kind="plain"
              label={words.remove}
              onClick={() => onInput(entries.toSpliced(index, 1))}
            />
            {windowIsWrong(entry.window) && <div class="wrong whole">{words.wrong}</div>}
          </div>
        )
      })}
      <div>
        <Button onClick={() => onInput([...entries, props.fresh(newWindow())])}>{props.add}</Button>
      </div>
    </>
  )
}

/** The limit, and the windows in which another one holds. */
export function BandwidthFields({
  draft,
  onInput,
}: {
  draft: BandwidthDraft
  onInput: (draft: BandwidthDraft) => void
}) {
  return (
    <>
      <Field
        class="narrow"
        label={words.limit}
        hint={words.limitHint}
        value={draft.limit}
        onInput={limit => onInput({ ...draft, limit })}
        error={bytesOf(draft.limit) === undefined ? words.limitWrong : undefined}
      />
      <h3>{words.timetable}</h3>
      <p class="hint">{words.timetableHint}</p>
      <WindowList
        entries={draft.timetable}
        onInput={timetable => onInput({ ...draft, timetable })}
        add={words.add}
        fresh={window => ({ window, limit: '' })}
        more={(entry, put) => (
          <Field
            class="limit"
            label={words.limitThen}
            value={entry.limit}
            onInput={limit => put({ ...entry, limit })}
            error={bytesOf(entry.limit) === undefined ? words.limitWrong : undefined}
          />
        )}
      />
    </>
  )
}
