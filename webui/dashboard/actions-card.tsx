// What an administrator does now and then.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { useAction, useResource } from '../hooks.ts'
import { h } from '../locale/en-dashboard.ts'
import { ImportCatalog } from '../servers/import-catalog.tsx'
import { useMay } from '../session.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Card } from '../ui/layout-parts.tsx'
import { toast } from '../ui/messages.tsx'

const words = h.actions

export function ActionsCard() {
  const mayRun = useMay('operator')
  const mayChange = useMay('administrator')
  const system = useResource(signal => api.system(signal))
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
      {system.data && <p class="hint">{words.upgradeText(system.data.version)}</p>}
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
