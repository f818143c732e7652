// The log bundle: which time, with or without names; and the automatic upload.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { bytes, moment } from '../format.ts'
import { useResource } from '../hooks.ts'
import { d } from '../locale/en-support.ts'
import { useMay } from '../session.ts'
import { Button } from '../ui/button.tsx'
import { Check, Choice, Field } from '../ui/field.tsx'
import { Card } from '../ui/layout-parts.tsx'
import { Problem } from '../ui/messages.tsx'
import { State } from '../ui/state.tsx'
import { bundleHref, type Span } from './bundle-href.ts'

export function BundlePart() {
  const [span, setSpan] = useState<Span>('day')
  const [from, setFrom] = useState('')
  const [to, setTo] = useState('')
  const [obfuscate, setObfuscate] = useState(false)
  const support = useResource(signal => api.support(signal))
  const zone = d.bundle.spanHint(Intl.DateTimeFormat().resolvedOptions().timeZone)
  return (
    <div class="grid">
      <Card title={d.bundle.title}>
        <p>{d.bundle.text}</p>
        <Choice
          legend={d.bundle.span}
          value={span}
          onInput={setSpan}
          options={(['day', 'week', 'all', 'own'] as const).map(value => ({ value, label: d.bundle.spans[value] }))}
        />
        {span === 'own' && (
          <div class="split">
            <Field type="datetime-local" label={d.bundle.from} hint={zone} value={from} onInput={setFrom} />
            <Field type="datetime-local" label={d.bundle.to} hint={zone} value={to} onInput={setTo} />
          </div>
        )}
        <Check label={d.bundle.obfuscate} hint={d.bundle.obfuscateHint} checked={obfuscate} onInput={setObfuscate} />
        <div>
          <Button kind="primary" href={bundleHref(span, from, to, obfuscate, Date.now())} download>
            {d.bundle.act}
          </Button>
        </div>
        {support.data && <p class="hint">{d.bundle.size(bytes(support.data.logBytes))}</p>}
      </Card>
      <Upload support={support} />
    </div>
  )
}

function Upload({ support }: { support: ReturnType<typeof useResource<Awaited<ReturnType<typeof api.support>>>> }) {
  const mayChange = useMay('administrator')
  const upload = support.data?.logUpload
  return (
    <Card title={d.bundle.upload}>
      {support.error && <Problem error={support.error} onRetry={support.reload} />}
      {upload && (
        <>
          <State
            kind={upload.enabled ? 'success' : 'notStarted'}
            word={upload.enabled ? d.bundle.uploadOn : d.bundle.uploadOff}
          />
          {upload.lastAt && <p class="hint">{d.bundle.last(moment(upload.lastAt))}</p>}
          {upload.failure && <Problem error={upload.failure} />}
        </>
      )}
      {mayChange && (
        <div>
          <Button href="/setup?step=uploads">{d.bundle.change}</Button>
        </div>
      )}
    </Card>
  )
}
