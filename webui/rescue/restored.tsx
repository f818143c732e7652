// What is shown from the moment a backup stands in the database's place until the appliance is back.
import { useEffect } from 'preact/hooks'
import { b } from '../locale/en-backups.ts'
import { Solo } from '../shell/solo.tsx'
import { PageHead } from '../ui/layout-parts.tsx'
import { State } from '../ui/state.tsx'
import { awaitReady } from './await-ready.ts'

export function Restored() {
  useEffect(() => {
    const leaving = new AbortController()
    // Anew: what the browser holds of the page may be of another version than the appliance that starts.
    void awaitReady({ signal: leaving.signal }).then(ready => ready && location.replace('/'))
    return () => leaving.abort()
  }, [])
  return (
    <Solo>
      <div class="stack loose">
        <PageHead title={b.restoring} />
        <div role="status">
          <State kind="inProgress" word={b.restoringText} />
        </div>
      </div>
    </Solo>
  )
}
