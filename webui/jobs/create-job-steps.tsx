// Licence and image of a job: steps of the wizard, and what editing a job shows.
import { t } from '../locale/en.ts'
import { Button } from '../ui/button.tsx'
import { Check, Choice, Field } from '../ui/field.tsx'
import type { DraftErrors, JobDraft } from './job-draft.ts'

export interface StepProps {
  draft: JobDraft
  onChange: (changes: Partial<JobDraft>) => void
  errors?: DraftErrors
}

export function LicenceStep({ draft, onChange }: StepProps) {
  return (
    <>
      <Choice
        legend={t.create.licence}
        value={draft.licence}
        onInput={licence => onChange({ licence })}
        options={(['auto', 'aws', 'byol'] as const).map(value => ({
          value,
          label: t.licences[value],
          hint: t.licenceHints[value],
        }))}
      />
      <p class="hint">{t.create.licenceLinux}</p>
    </>
  )
}

/** @param methodHint why that method is suggested */
export function ImageStep({ draft, onChange, errors = {}, methodHint }: StepProps & { methodHint?: string }) {
  const setTag = (index: number, change: Partial<JobDraft['tags'][number]>) =>
    onChange({ tags: draft.tags.map((tag, at) => (at === index ? { ...tag, ...change } : tag)) })
  return (
    <>
      <Choice
        legend={t.create.method}
        value={draft.imageMethod}
        onInput={imageMethod => onChange({ imageMethod })}
        options={(['registered', 'converted'] as const).map(value => ({
          value,
          label: t.methods[value],
          hint: t.methodHints[value],
        }))}
      />
      {methodHint !== undefined && <p class="hint">{methodHint}</p>}
      <Field
        type="number"
        min={1}
        max={270}
        label={t.create.retention}
        hint={t.create.retentionHint}
        value={draft.retention}
        onInput={retention => onChange({ retention })}
        error={errors.retention}
      />
      <Check
        label={t.create.encrypted}
        hint={t.create.encryptedHint}
        checked={draft.encrypted}
        onInput={encrypted => onChange({ encrypted })}
      />
      {draft.encrypted && (
        <Field
          label={`${t.create.kms} (${t.optional})`}
          hint={t.create.kmsHint}
          value={draft.kmsKeyId}
          onInput={kmsKeyId => onChange({ kmsKeyId })}
        />
      )}
      <fieldset class="stack">
        <legend>{t.create.tags}</legend>
        <p class="hint">{t.create.tagsHint}</p>
        {draft.tags.map((tag, index) => (
          <div key={index} class="toolbar">
            <Field label={t.create.tagKey} value={tag.key} maxLength={128} onInput={key => setTag(index, { key })} />
            <Field
              label={t.create.tagValue}
              value={tag.value}
              maxLength={256}
              onInput={value => setTag(index, { value })}
            />
            <Button
              icon="close"
              kind="plain"
              label={t.create.removeTag(tag.key)}
              onClick={() => onChange({ tags: draft.tags.filter((_, at) => at !== index) })}
            />
          </div>
        ))}
        {errors.tags && <div class="wrong">{errors.tags}</div>}
        <div>
          <Button
            disabled={draft.tags.length >= 40}
            onClick={() => onChange({ tags: [...draft.tags, { key: '', value: '' }] })}
          >
            {t.create.addTag}
          </Button>
        </div>
      </fieldset>
    </>
  )
}
