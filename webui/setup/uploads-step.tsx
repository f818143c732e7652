// Whether logs are uploaded, and how upgrades come.
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api.ts'
import { useResource } from '../hooks.ts'
import { s } from '../locale/en-setup.ts'
import { Check } from '../ui/field.tsx'
import { Facts } from '../ui/layout-parts.tsx'
import { Problem } from '../ui/messages.tsx'
import { StepFrame } from './step-frame.tsx'

export function UploadsStep() {
  const support = useResource(signal => api.support(signal))
  const system = useResource(signal => api.system(signal))
  const upgrade = useResource(signal => api.upgrade(signal))
  const [enabled, setEnabled] = useState(false)
  const [automatic, setAutomatic] = useState(false)
  const stored = support.data?.logUpload.enabled
  useEffect(() => {
    if (stored !== undefined) setEnabled(stored)
  }, [stored])
  const auto = upgrade.data?.canUpgrade ? upgrade.data.auto : undefined
  useEffect(() => {
    if (auto) setAutomatic(auto.enabled)
  }, [auto])
  const save = async () => {
    if (enabled !== stored) await api.saveLogUpload(enabled)
    if (auto && automatic !== auto.enabled) {
      const { source, windows } = auto
      await api.saveAutoUpgrade({ enabled: automatic, source, windows })
    }
    return true
  }
  return (
    <StepFrame step="uploads" save={save}>
      {support.error && <Problem error={support.error} onRetry={support.reload} />}
      <Check label={s.uploads.logs} hint={s.uploads.logsHint} checked={enabled} onInput={setEnabled} />
      <section class="stack">
        <h3>{s.uploads.upgrades}</h3>
        <p>{s.uploads.upgradesText}</p>
        {auto && <Check label={s.uploads.auto} hint={s.uploads.autoHint} checked={automatic} onInput={setAutomatic} />}
        <Facts of={[[s.uploads.version, system.data?.version]]} />
      </section>
    </StepFrame>
  )
}
