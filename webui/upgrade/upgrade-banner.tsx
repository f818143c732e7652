// What everybody has to know of an upgrade, wherever they are: that one is under way, and that this page is of the release before.
import { useEffect, useState } from 'preact/hooks'
import { live } from '../live.ts'
import { t } from '../locale/en.ts'
import { useStore } from '../store.ts'
import { Button } from '../ui/button.tsx'

const place = '/settings/upgrades'

/** Whether the service is away because it is upgraded. */
export function useUpgrading(): boolean {
  const { data } = useStore(live.upgrade)
  return data !== undefined && data.phase !== 'settled'
}

export function UpgradeBanner({ path }: { path: string }) {
  const { data } = useStore(live.upgrade)
  const [loadedFrom, setLoadedFrom] = useState<string>()
  const running = data?.running
  useEffect(() => setLoadedFrom(before => before ?? running), [running])
  // The page of upgrades says all of it by itself.
  if (!data || path === place) return null
  if (data.phase !== 'settled')
    return (
      <div class="banner">
        <span>{t.shell.upgrading(data.to ?? '')}</span>
        <Button href={place}>{t.shell.look}</Button>
      </div>
    )
  if (loadedFrom === undefined || loadedFrom === data.running) return null
  return (
    <div class="banner">
      <span>{t.shell.upgraded(data.running, loadedFrom)}</span>
      <Button onClick={() => location.reload()}>{t.shell.reload}</Button>
    </div>
  )
}
