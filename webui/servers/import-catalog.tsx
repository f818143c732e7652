// The button that imports the catalog, and says how that ended.
import { useAction } from '../hooks.ts'
import { importCatalog, live } from '../live.ts'
import { t } from '../locale/en.ts'
import { useStore } from '../store.ts'
import { Button } from '../ui/button.tsx'
import { Problem, toast } from '../ui/messages.tsx'

/** @param failureShown beside it the page says itself why the last import failed */
export function ImportCatalog({ failureShown = false }: { failureShown?: boolean }) {
  const importing = useStore(live.catalog).data?.state === 'importing'
  const { busy, error, run } = useAction()
  const importIt = () =>
    run(async () => {
      const ended = await importCatalog()
      if (ended?.state === 'ready') toast(t.servers.importEnded(ended.servers))
      if (ended?.failure && !failureShown) toast(t.servers.importFailed(ended.failure.message), 'error')
    })
  return (
    <>
      <Button icon="turn" busy={importing || busy} onClick={() => void importIt()}>
        {t.servers.import}
      </Button>
      {error && <Problem error={error} />}
    </>
  )
}
