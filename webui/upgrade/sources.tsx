// Where a bundle comes from: a file of the reader's own machine, an address, or the connector's bucket.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { ReleaseList, UpgradeView } from '../contract.ts'
import { bytes } from '../format.ts'
import { useAction } from '../hooks.ts'
import { actOnUpgrade } from '../live.ts'
import { t } from '../locale/en.ts'
import { u } from '../locale/en-upgrade.ts'
import { useStore } from '../store.ts'
import { Button } from '../ui/button.tsx'
import { Choice, Field } from '../ui/field.tsx'
import { FileField } from '../ui/file-field.tsx'
import { Card } from '../ui/layout-parts.tsx'
import { Problem } from '../ui/messages.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'
import { bundleUpload, uploadBundle } from './bundle-upload.ts'
import { mayBeBundleUrl } from './bundle-url.ts'

const ways = ['upload', 'url', 'bucket'] as const
type Way = (typeof ways)[number]

export function Sources({ view }: { view: UpgradeView }) {
  const { sending } = useStore(bundleUpload)
  const [way, setWay] = useState<Way>('upload')
  const isBusy = sending !== undefined || view.receiving !== undefined
  const parts = { upload: Upload, url: Address, bucket: Bucket }
  const Part = parts[way]
  return (
    <Card title={u.sourceTitle}>
      <p>{u.sourceText}</p>
      <Choice
        legend={u.ways}
        value={way}
        onInput={setWay}
        options={ways.map(value => ({ value, label: u.way[value] }))}
      />
      <Part isBusy={isBusy} />
      {isBusy && <p class="hint">{u.oneAtATime}</p>}
    </Card>
  )
}

interface PartProps {
  /** Another bundle is on its way. */
  isBusy: boolean
}

function Upload({ isBusy }: PartProps) {
  const [file, setFile] = useState<File>()
  const [turn, setTurn] = useState(0)
  const upload = async (chosen: File) => {
    await uploadBundle(chosen)
    // Browsers do not tell when the same name is chosen again, and send nothing of a file that has changed since.
    setFile(undefined)
    setTurn(turn + 1)
  }
  return (
    <>
      <FileField key={turn} label={u.file} hint={u.fileHint} accept=".tar" disabled={isBusy} onInput={setFile} />
      <div>
        <Button disabled={isBusy || !file} onClick={() => void (file && upload(file))}>
          {u.uploadAct}
        </Button>
      </div>
    </>
  )
}

function Address({ isBusy }: PartProps) {
  const [url, setUrl] = useState('')
  const { busy, error, run } = useAction()
  const isWrong = url !== '' && !mayBeBundleUrl(url)
  return (
    <form
      class="stack"
      noValidate
      onSubmit={event => {
        event.preventDefault()
        void run(() => actOnUpgrade(() => api.fetchBundle({ from: 'url', url })))
      }}
    >
      <Field
        label={u.urlLabel}
        hint={u.urlHint}
        value={url}
        onInput={setUrl}
        placeholder="https://"
        maxLength={2048}
        disabled={isBusy}
        error={isWrong ? u.urlWrong : undefined}
      />
      {error && <Problem error={error} />}
      <div>
        <Button type="submit" busy={busy} disabled={isBusy || url === '' || isWrong}>
          {u.fetchAct}
        </Button>
      </div>
    </form>
  )
}

function Bucket({ isBusy }: PartProps) {
  const [releases, setReleases] = useState<ReleaseList['items']>()
  const looking = useAction()
  const fetching = useAction()
  const fetchIt = (key: string) => fetching.run(() => actOnUpgrade(() => api.fetchBundle({ from: 'bucket', key })))
  return (
    <>
      <p class="hint">{u.bucketHint}</p>
      {looking.error && <Problem error={looking.error} />}
      {fetching.error && <Problem error={fetching.error} />}
      {releases?.length === 0 && <p>{u.bucketEmpty}</p>}
      {releases !== undefined && releases.length > 0 && (
        <SimpleTable<ReleaseList['items'][number]>
          label={u.bucketTable}
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
                <Button label={u.fetchOf(key)} disabled={isBusy} onClick={() => void fetchIt(key)}>
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
    </>
  )
}
