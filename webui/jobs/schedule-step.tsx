// When a job runs: first, how often, and behind "More options" its clock, windows and bandwidth.
import { useState } from 'preact/hooks'
import { moment } from '../format.ts'
import { t } from '../locale/en.ts'
import { Choice, Field } from '../ui/field.tsx'
import { BandwidthFields, WindowList } from '../ui/window-fields.tsx'
import type { StepProps } from './create-job-steps.tsx'
import { isLimited, missedDefault } from './job-draft.ts'
import { missedWords } from './schedule-words.ts'

export interface ScheduleStepProps extends StepProps {
  /** A job that stands is changed: `begunAt` when its first run is past. */
  edited?: { begunAt?: string }
}

export function ScheduleStep({ draft, onChange, errors = {}, edited }: ScheduleStepProps) {
  return (
    <>
      <Choice
        legend={t.create.when}
        value={draft.when}
        onInput={when => onChange({ when })}
        options={startOptions(edited)}
      />
      {draft.when === 'later' && (
        <Field
          type="datetime-local"
          class="narrow"
          label={t.create.startAt}
          hint={t.create.startAtHint(Intl.DateTimeFormat().resolvedOptions().timeZone)}
          value={draft.startAt}
          onInput={startAt => onChange({ startAt })}
          error={errors.startAt}
        />
      )}
      <Choice
        legend={t.create.repeat}
        value={draft.repeat}
        onInput={repeat => onChange({ repeat, whenMissed: missedDefault[repeat] })}
        options={[
          { value: 'once', label: t.create.once },
          { value: 'every', label: t.create.every },
        ]}
      />
      {draft.repeat === 'every' && (
        <Field
          type="number"
          class="narrow"
          min={1}
          max={24}
          label={t.create.hours}
          value={draft.hours}
          onInput={hours => onChange({ hours })}
          error={errors.hours}
        />
      )}
      <MoreOptions draft={draft} onChange={onChange} errors={errors} />
    </>
  )
}

function startOptions(edited: ScheduleStepProps['edited']) {
  const [now, later] =
    edited?.begunAt !== undefined
      ? [t.create.asBefore(moment(edited.begunAt)), t.create.anew]
      : [edited ? t.create.atOnce : t.create.now, t.create.later]
  return [
    { value: 'now' as const, label: now },
    { value: 'later' as const, label: later },
  ]
}

function MoreOptions({ draft, onChange, errors = {} }: StepProps) {
  const [open, setOpen] = useState(draft.windows.length > 0 || isLimited(draft.bandwidth))
  const wrong = errors.timeZone ?? errors.windows ?? errors.bandwidth
  const missed = missedWords(draft.repeat === 'once' ? {} : { everyHours: 1 })
  return (
    // What is wrong in it must be seen.
    <details open={open || wrong !== undefined} onToggle={event => setOpen(event.currentTarget.open)}>
      <summary>
        {t.create.more} <span class="muted">({t.create.moreHint})</span>
      </summary>
      <div class="stack loose inset">
        <Field
          class="narrow"
          label={t.create.zone}
          hint={t.create.zoneHint}
          value={draft.timeZone}
          onInput={timeZone => onChange({ timeZone })}
          suggestions={['UTC', ...Intl.supportedValuesOf('timeZone')]}
          error={errors.timeZone}
        />
        <Choice
          legend={t.create.whenMissed}
          value={draft.whenMissed}
          onInput={whenMissed => onChange({ whenMissed })}
          options={(['skip', 'run'] as const).map(value => ({ value, label: missed[value] }))}
        />
        <section class="stack" aria-label={t.create.windows}>
          <h3>{t.create.windows}</h3>
          <p class="hint">{t.create.windowsHint}</p>
          <WindowList
            entries={draft.windows}
            onInput={windows => onChange({ windows })}
            add={t.windows.add}
            fresh={window => ({ window: { ...window, from: '20:00', to: '06:00' } })}
          />
        </section>
        <section class="stack" aria-label={t.create.bandwidth}>
          <h3>{t.create.bandwidth}</h3>
          <p class="hint">{t.create.bandwidthHint}</p>
          <BandwidthFields draft={draft.bandwidth} onInput={bandwidth => onChange({ bandwidth })} />
        </section>
      </div>
    </details>
  )
}
