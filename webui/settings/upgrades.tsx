// Upgrades: what runs and how the latest one ended, what is ready to be installed, where bundles come from, what happens by itself.
import { useEffect, useRef, useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { UpgradeView } from '../contract.ts'
import { bytes, moment } from '../format.ts'
import { useAction } from '../hooks.ts'
import { actOnUpgrade, live, loadUpgrade } from '../live.ts'
import { u } from '../locale/en-upgrade.ts'
import { useMay } from '../session.ts'
import { useStore } from '../store.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Card, Facts } from '../ui/layout-parts.tsx'
import { Loading, Note, Problem, toast } from '../ui/messages.tsx'
import { Progress } from '../ui/progress.tsx'
import { SendingProgress } from '../ui/sending.tsx'
import { State } from '../ui/state.tsx'
import { AutoCard, AutoFacts } from '../upgrade/auto-card.tsx'
import { bundleUpload, cancelBundleUpload, forgetFailure } from '../upgrade/bundle-upload.ts'
import { Sources } from '../upgrade/sources.tsx'
import { stagesOf } from '../upgrade/stages.ts'

/** Between two looks while the appliance is away. */
const lookMs = 2_000

export function UpgradesPart() {
  const { data: view, error } = useStore(live.upgrade)
  // The stream comes back later than the appliance does.
  const isAway = useStore(live.stream) === 'lost'
  const mayChange = useMay('administrator')
  const began = useRef<string | undefined>(undefined)
  const goesOn = view !== undefined && view.phase !== 'settled'
  useEffect(() => {
    if (!goesOn || !isAway) return
    const leaving = new AbortController()
    const timer = setInterval(() => void loadUpgrade(leaving.signal), lookMs)
    return () => {
      clearInterval(timer)
      leaving.abort()
    }
  }, [goesOn, isAway])
  useEffect(() => {
    if (!view) return
    // Of another release, the page too is another.
    if (began.current !== undefined && began.current !== view.running && view.phase === 'settled') location.reload()
    began.current ??= view.running
  }, [view])
  if (!view) return error ? <Problem error={error} onRetry={() => void loadUpgrade()} /> : <Loading />
  const mayAct = mayChange && view.canUpgrade && !goesOn
  return (
    <div class="stack loose">
      {!view.canUpgrade && <Note>{u.notHere}</Note>}
      {view.canUpgrade && !mayChange && <Note>{u.readOnly}</Note>}
      <div class="grid">
        <Now view={view} isAway={isAway && (error !== undefined || view.phase !== 'trying')} />
        {view.canUpgrade && !goesOn && <OfferCard view={view} mayAct={mayAct} />}
      </div>
      {mayAct && <Sources view={view} />}
      {mayAct && <AutoCard view={view} />}
      {view.canUpgrade && !mayChange && <AutoFacts view={view} />}
    </div>
  )
}

function Now({ view, isAway }: { view: UpgradeView; isAway: boolean }) {
  const { running, last, to = '' } = view
  // Once the release is unpacked the service is stopped, and nobody is left to say so.
  const phase = isAway && view.phase === 'handing' ? 'preparing' : view.phase
  const failed = last !== undefined && last.result !== 'upgraded'
  return (
    <Card title={u.now}>
      {phase !== 'settled' && (
        <>
          <div role="status">
            <strong>{u.phases[phase](to)}</strong>
            {isAway && <p>{u.away}</p>}
          </div>
          <ol class="stack plain" aria-label={u.stagesLabel}>
            {stagesOf(phase).map(({ stage, kind }) => (
              <li key={stage}>
                <State kind={kind} word={u.stages[stage]} />
              </li>
            ))}
          </ol>
          <p class="hint">{u.locked}</p>
        </>
      )}
      <Facts
        of={[
          [u.running, running],
          [
            u.last,
            last ? (
              <State kind={failed ? 'warning' : 'success'} word={u.results[last.result](last.from, last.to)} />
            ) : (
              phase === 'settled' && u.noneYet
            ),
          ],
          [u.ended, last && moment(last.at)],
          [u.reason, last?.reason],
          [u.whatNow, failed && last.from === running && u.whatNowText],
        ]}
      />
    </Card>
  )
}

function OfferCard({ view, mayAct }: { view: UpgradeView; mayAct: boolean }) {
  const { offered, receiving, refused, last } = view
  const { sending, error } = useStore(bundleUpload)
  const [asked, setAsked] = useState(false)
  const acting = useAction()
  const act = (work: () => Promise<UpgradeView>) => acting.run(() => actOnUpgrade(work))
  const install = async (version: string) => {
    if (await act(() => api.installRelease(version))) setAsked(false)
  }
  const discard = async () => {
    if ((await act(api.discardBundle)) && offered) toast(u.discarded)
  }
  const comes = sending !== undefined || receiving !== undefined
  const wasTried = last !== undefined && last.result !== 'upgraded' && last.to === offered?.version
  const doubt = refused?.from === 'install' ? u.unfit : wasTried ? u.triedText(last.to) : undefined
  return (
    <Card title={u.offer}>
      {sending && (
        <>
          <strong>{u.uploading(sending.name)}</strong>
          <SendingProgress of={sending} label={u.uploading(sending.name)} />
          <p class="hint">{u.stay}</p>
          <div>
            <Button busy={acting.busy} onClick={() => void acting.run(cancelBundleUpload)}>
              {u.cancelUpload}
            </Button>
          </div>
        </>
      )}
      {!sending && receiving && <Receiving of={receiving} mayAct={mayAct} />}
      {!comes && refused && (
        <Problem error={refused}>
          {mayAct && !offered && <Button onClick={() => void discard()}>{u.dismiss}</Button>}
        </Problem>
      )}
      {!comes && error && (
        <Problem error={error}>
          <Button onClick={() => forgetFailure(error)}>{u.dismiss}</Button>
        </Problem>
      )}
      {acting.error && !asked && <Problem error={acting.error} />}
      {offered && (
        <>
          <State kind={doubt ? 'warning' : 'success'} word={doubt ?? u.readyState} />
          <Facts
            of={[
              [u.version, offered.version],
              [u.date, moment(offered.releasedAt)],
              [u.size, bytes(offered.sizeBytes)],
              [u.signature, u.signed],
              [u.received, moment(offered.receivedAt)],
            ]}
          />
        </>
      )}
      {!offered && !comes && !refused && (
        <>
          <p>{u.none}</p>
          <p class="hint">{mayAct ? u.noneHint : u.noneReader}</p>
        </>
      )}
      {mayAct && offered && !comes && (
        <div class="buttons">
          <Button kind={doubt ? 'outline' : 'primary'} onClick={() => setAsked(true)}>
            {u.install(offered.version)}
          </Button>
          <Button busy={acting.busy} onClick={() => void discard()}>
            {u.discard}
          </Button>
        </div>
      )}
      {asked && offered && (
        <Dialog
          title={u.ask(offered.version)}
          confirm={u.install(offered.version)}
          busy={acting.busy}
          error={acting.error}
          onClose={() => {
            acting.clear()
            setAsked(false)
          }}
          onConfirm={() => void install(offered.version)}
        >
          {doubt && <p>{doubt}</p>}
          <p>{u.askText}</p>
          {view.runsUnderWay > 0 && <p>{u.runs(view.runsUnderWay)}</p>}
        </Dialog>
      )}
    </Card>
  )
}

/** What another window uploads, or the appliance fetches. */
function Receiving({ of, mayAct }: { of: NonNullable<UpgradeView['receiving']>; mayAct: boolean }) {
  const { from, receivedBytes, totalBytes, version } = of
  const cancelling = useAction()
  const what = u.receiving[from](u.bundleOf(version))
  const known = totalBytes === undefined ? {} : { done: receivedBytes, total: totalBytes }
  const amount = totalBytes === undefined ? bytes(receivedBytes) : u.amount(bytes(receivedBytes), bytes(totalBytes))
  return (
    <>
      <strong>{what}</strong>
      <Progress label={what} words={[amount]} {...known} />
      {cancelling.error && <Problem error={cancelling.error} />}
      {mayAct && (
        <div>
          <Button busy={cancelling.busy} onClick={() => void cancelling.run(() => actOnUpgrade(api.cancelBundle))}>
            {u.cancel}
          </Button>
        </div>
      )}
    </>
  )
}
