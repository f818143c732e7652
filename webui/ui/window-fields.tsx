// Days and times of a weekly window.
import type { WeeklyWindow } from '../contract.ts'
import { t } from '../locale/en.ts'
import { c } from '../locale/en-settings.ts'
import { Check, Field } from '../ui/field.tsx'

const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

export function WindowFields({ window, onInput }: { window: WeeklyWindow; onInput: (window: WeeklyWindow) => void }) {
  const toggle = (day: (typeof days)[number], on: boolean) =>
    onInput({ ...window, days: days.filter(one => (one === day ? on : window.days.includes(one))) })
  return (
    <>
      <fieldset>
        <legend>{c.policy.days}</legend>
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
      <Field type="time" label={c.policy.from} value={window.from} onInput={from => onInput({ ...window, from })} />
      {/* 24:00 is the day's end, and no browser's field for times takes it. */}
      <Field label={c.policy.to} value={window.to} maxLength={5} onInput={to => onInput({ ...window, to })} />
    </>
  )
}
