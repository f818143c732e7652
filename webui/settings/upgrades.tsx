// Upgrades: what runs, what is on offer, where a bundle comes from, what happens by itself.
import { useEffect, useRef, useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { ReleaseList, UpgradeView } from '../contract.ts'
import { bytes, moment } from '../format.ts'
import { useAction, useResource } from '../hooks.ts'
import { t } from '../locale/en.ts'
import { u } from '../locale/en-upgrade.ts'
import { useMay } from '../session.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Check, Choice, Field } from '../ui/field.tsx'
import { Card, Facts } from '../ui/layout-parts.tsx'
import { Loading, Note, Problem, toast } from '../ui/messages.tsx'
import { Progress } from '../ui/progress.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'
import { State } from '../ui/state.tsx'
import { windowIsWrong } from '../ui/window-draft.ts'
import { WindowList } from '../ui/window-fields.tsx'

/** While something goes on; the service itself may be away meanwhile. */
const lookMs = 1_500

interface PartProps {
  view: UpgradeView
  onView: (view: UpgradeView) => void
}

export function UpgradesPart() {
  const upgrade = useResource(signal => api.upgrade(signal))
  const mayChange = useMay('administrator')
  const { data: view, error } = upgrade
  const began = useRef<string | undefined>(undefined)
  const goesOn = view !== undefined && (view.phase !== 'settled' || view.receiving !== undefined)
  useEffect(() => {
    if (!goesOn && !error) return
    const timer = setTimeout(upgrade.reload, lookMs)
    return () => clearTimeout(timer)
  }, [upgrade.loading, goesOn, error])
  useEffect(() => {
    if (!view) return
    // Of another release, the page too is another.
    if (began.current !== undefined && began.current !== view.running && view.phase === 'settled') location.reload()
    began.current ??= view.running
  }, [view])
  if (!view) return error ? <Problem error={error} onRetry={upgrade.reload} /> : <Loading />
  const mayAct = mayChange && view.canUpgrade && view.phase === 'settled'
  return (
    <div class="stack loose">
      {!view.canUpgrade && <Note>{u.notHere}</Note>}
      <Now view={view} away={error !== undefined} />
      {view.canUpgrade && view.phase === 'settled' && <OfferCard view={view} onView={upgrade.set} mayAct={mayAct} />}
      {mayAct && !view.receiving && <Sources onView={upgrade.set} onDone={upgrade.reload} />}
      {mayAct && <AutoCard key={JSON.stringify(view.auto.source)} view={view} onView={upgrade.set} />}
    </div>
  )
}

function Now({ view, away }: { view: UpgradeView; away: boolean }) {
  const { running, last, phase, to = '' } = view
  const at = last && moment(last.at)
  return (
    <Card title={u.now}>
      {phase !== 'settled' && (
        <div role="status">
          <Progress label={u.phases[phase](to)} words={[u.phases[phase](to), away ? u.phases.away : undefined]} />
        </div>
      )}
      <Facts
        of={[
          [u.running, running],
          [
            u.last,
            last && (
              <State
                kind={last.result === 'upgraded' ? 'success' : 'warning'}
                word={u.results[last.result](last.from, last.to, at ?? '')}
              />
            ),
          ],
          [u.reason, last?.reason],
        ]}
      />
    </Card>
  )
}

function OfferCard({ view, onView, mayAct }: PartProps & { mayAct: boolean }) {
  const { offered, receiving, refused } = view
  const [asked, setAsked] = useState(false)
  const acting = useAction()
  const act = (work: () => Promise<UpgradeView>) => acting.run(async () => onView(await work()))
  const install = async (version: string) => {
    if (await act(() => api.installRelease(version))) setAsked(false)
  }
  return (
    <Card title={u.offer}>
      {offered ? (
        <State kind="success" word={u.ready(offered.version, moment(offered.releasedAt), bytes(offered.sizeBytes))} />
      ) : (
        <p>{u.none}</p>
      )}
      {receiving && (
        <Progress
          label={u.receiving(receiving.version)}
          words={[u.receiving(receiving.version), bytes(receiving.receivedBytes)]}
          {...(receiving.totalBytes === undefined
            ? {}
            : { done: receiving.receivedBytes, total: receiving.totalBytes })}
        />
      )}
      {refused && !receiving && <Problem error={refused} />}
      {acting.error && !asked && <Problem error={acting.error} />}
      {mayAct && (
        <div class="buttons">
          {receiving && <Button onClick={() => void act(api.cancelBundle)}>{u.cancel}</Button>}
          {offered && !receiving && (
            <>
              <Button kind="primary" onClick={() => setAsked(true)}>
                {u.install(offered.version)}
              </Button>
              <Button busy={acting.busy} onClick={() => void act(api.discardBundle)}>
                {u.discard}
              </Button>
            </>
          )}
        </div>
      )}
      {asked && offered && (
        <Dialog
          title={u.ask(offered.version)}
          confirm={u.install(offered.version)}
          busy={acting.busy}
          error={acting.error}
          onClose={() => setAsked(false)}
          onConfirm={() => void install(offered.version)}
        >
          <p>{u.askText}</p>
          {view.runsUnderWay > 0 && <p>{u.runs(view.runsUnderWay)}</p>}
        </Dialog>
      )}
    </Card>
  )
}

function Sources({ onView, onDone }: { onView: (view: UpgradeView) => void; onDone: () => void }) {
  const [file, setFile] = useState<File>()
  const [url, setUrl] = useState('')
  const [releases, setReleases] = useState<ReleaseList['items']>()
  const uploading = useAction()
  const fetching = useAction()
  const looking = useAction()
  const upload = async () => {
    if (!file) return
    // How far it is, and why it was refused, the view says.
    const ended = uploading.run(async () => onView(await api.uploadBundle(file)))
    const timer = setInterval(onDone, lookMs)
    await ended.finally(() => clearInterval(timer))
  }
  return (
    <div class="grid">
      <Card title={u.upload}>
        <label class="field">
          {u.file}
          <input type="file" accept=".tar" onChange={event => setFile(event.currentTarget.files?.[0])} />
        </label>
        {uploading.error && <Problem error={uploading.error} />}
        <div>
          <Button busy={uploading.busy} disabled={!file} onClick={() => void upload()}>
            {u.uploadAct}
          </Button>
        </div>
      </Card>
      <Card title={u.url}>
        <Field label={u.urlLabel} hint={u.urlHint} value={url} onInput={setUrl} placeholder="https://" />
        {fetching.error && <Problem error={fetching.error} />}
        <div>
          <Button
            busy={fetching.busy}
            disabled={!url.startsWith('https://')}
            onClick={() => void fetching.run(async () => onView(await api.fetchBundle({ from: 'url', url })))}
          >
            {u.fetchAct}
          </Button>
        </div>
      </Card>
      <Card title={u.bucket}>
        <p class="hint">{u.bucketHint}</p>
        {looking.error && <Problem error={looking.error} />}
        {releases?.length === 0 && <p>{u.bucketEmpty}</p>}
        {releases !== undefined && releases.length > 0 && (
          <SimpleTable<ReleaseList['items'][number]>
            label={u.bucket}
            rows={releases}
            rowKey={({ key }) => key}
            columns={[
              { title: u.columns.key, cell: ({ key }) => <code>{key}</code> },
              { title: u.columns.size, end: true, wideOnly: true, cell: ({ sizeBytes }) => bytes(sizeBytes) },
              {
                title: t.actions,
                unseenTitle: true,
                end: true,
                cell: ({ key }) => (
                  <Button
                    label={u.fetchOf(key)}
                    onClick={() => void looking.run(async () => onView(await api.fetchBundle({ from: 'bucket', key })))}
                  >
                    {u.fetchAct}
                  </Button>
                ),
              },
            ]}
          />
        )}
        <div>
          <Button
            busy={looking.busy}
            onClick={() => void looking.run(async () => setReleases((await api.releases()).items))}
          >
            {u.look}
          </Button>
        </div>
      </Card>
    </div>
  )
}

function AutoCard({ view, onView }: PartProps) {
  const { auto } = view
  const [enabled, setEnabled] = useState(auto.enabled)
  const [source, setSource] = useState(auto.source)
  const [windows, setWindows] = useState(auto.windows)
  const { busy, error, run } = useAction()
  const wrong = windows.some(windowIsWrong) || (source.kind === 'url' && !source.url.startsWith('https://'))
  const save = async () => {
    if (await run(async () => onView(await api.saveAutoUpgrade({ enabled, source, windows })))) toast(t.saved)
  }
  return (
    <Card title={u.auto}>
      <Check label={u.autoOn} hint={u.autoHint} checked={enabled} onInput={setEnabled} />
      <Choice
        legend={u.source}
        value={source.kind}
        onInput={kind => setSource(kind === 'url' ? { kind, url: '' } : { kind })}
        options={[
          { value: 'bucket', label: u.sources.bucket },
          { value: 'url', label: u.sources.url },
        ]}
      />
      {source.kind === 'url' && (
        <Field label={u.urlLabel} value={source.url} onInput={url => setSource({ kind: 'url', url })} />
      )}
      <h3>{u.windows}</h3>
      <p class="hint">{u.windowsHint(auto.timeZone)}</p>
      <WindowList
        entries={windows.map(window => ({ window }))}
        onInput={entries => setWindows(entries.map(({ window }) => window))}
        add={u.addWindow}
        fresh={window => ({ window })}
      />
      <Facts
        of={[
          [
            u.next,
            auto.next.do === 'nothing' ? u.nothing[auto.next.why] : u.upgradeAt(auto.next.to, moment(auto.next.at)),
          ],
          [u.lookedAt, auto.lastLookAt && moment(auto.lastLookAt)],
        ]}
      />
      {error && <Problem error={error} />}
      <div>
        <Button kind="primary" busy={busy} disabled={wrong} onClick={() => void save()}>
          {t.save}
        </Button>
      </div>
    </Card>
  )
}
