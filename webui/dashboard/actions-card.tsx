// What an administrator does now and then.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { UpgradeView } from '../contract.ts'
import { useAction } from '../hooks.ts'
import { live } from '../live.ts'
import { h } from '../locale/en-dashboard.ts'
import { ImportCatalog } from '../servers/import-catalog.tsx'
import { useMay } from '../session.ts'
import { useStore } from '../store.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Card } from '../ui/layout-parts.tsx'
import { toast } from '../ui/messages.tsx'
import { State } from '../ui/state.tsx'

const words = h.actions

export function ActionsCard() {
  const mayRun = useMay('operator')
  const mayChange = useMay('administrator')
  const { data: upgrade } = useStore(live.upgrade)
  const [asked, setAsked] = useState(false)
  const leaving = useAction()
  const unregister = async () => {
    if (!(await leaving.run(api.unregister))) return
    setAsked(false)
    toast(words.unregistered)
  }
  return (
    <Card title={words.title}>
      <div class="buttons">
        <Button href="/settings/account">{words.password}</Button>
        {mayRun && <ImportCatalog />}
        <Button href="/settings/upgrades">{words.upgrade}</Button>
        {mayChange && (
          <Button danger onClick={() => setAsked(true)}>
            {words.unregister}
          </Button>
        )}
      </div>
      {upgrade && <p class="hint">{words.upgradeText(upgrade.running)}</p>}
      {upgrade?.canUpgrade && upgrade.phase === 'settled' && <UpgradeLines view={upgrade} />}
      {asked && (
        <Dialog
          title={words.unregisterTitle}
          confirm={words.unregister}
          danger
          busy={leaving.busy}
          error={leaving.error}
          onClose={() => setAsked(false)}
          onConfirm={() => void unregister()}
        >
          <p>{words.unregisterText}</p>
        </Dialog>
      )}
    </Card>
  )
}

/** What there is to know of upgrades: nothing, most of the time. */
function UpgradeLines({ view: { last, offered, running } }: { view: UpgradeView }) {
  const failed = last !== undefined && last.result !== 'upgraded' && last.from === running
  return (
    <>
      {failed && <State kind="warning" word={words.notKept(last.to)} />}
      {offered && !(failed && last.to === offered.version) && (
        <State kind="success" word={words.offered(offered.version)} />
      )}
    </>
  )
}
