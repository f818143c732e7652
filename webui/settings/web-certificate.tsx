// The certificate that this page is served with, and replacing it by a signed one.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { WebCertificateView } from '../contract.ts'
import { useAction, useResource } from '../hooks.ts'
import { c } from '../locale/en-settings.ts'
import { useMay } from '../session.ts'
import { CertificateFacts } from '../setup/vcenter-certificate.tsx'
import { Button } from '../ui/button.tsx'
import { CopyText } from '../ui/copy.tsx'
import { Field } from '../ui/field.tsx'
import { Card, Facts } from '../ui/layout-parts.tsx'
import { Loading, Problem, toast } from '../ui/messages.tsx'
import { State } from '../ui/state.tsx'

const words = c.certificate

export function CertificatePart() {
  const certificate = useResource(signal => api.webCertificate(signal))
  const mayChange = useMay('administrator')
  const { data, error } = certificate
  return (
    <div class="grid">
      <Card title={words.now}>
        {!data && (error ? <Problem error={error} onRetry={certificate.reload} /> : <Loading />)}
        {data && (
          <>
            <State
              kind={data.selfSigned ? 'warning' : 'success'}
              word={data.selfSigned ? words.selfSigned : words.caSigned}
            />
            <CertificateFacts of={data} />
            <Facts
              of={[
                [words.names, data.names.join(', ')],
                [words.chain, data.chain.map(({ subject }) => subject).join(', ')],
              ]}
            />
          </>
        )}
      </Card>
      {mayChange && <Request names={data?.names ?? []} />}
      {mayChange && <Upload onSaved={certificate.set} />}
    </div>
  )
}

function Request({ names: known }: { names: readonly string[] }) {
  const [names, setNames] = useState<string>()
  const [pem, setPem] = useState<string>()
  const { busy, error, run } = useAction()
  const shown = names ?? known.join(', ')
  const ask = () =>
    run(async () => setPem((await api.requestCertificate(shown.split(/[\s,;]+/).filter(Boolean))).requestPem))
  return (
    <Card title={words.request}>
      <p>{words.requestHint}</p>
      <Field label={words.requestNames} value={shown} onInput={setNames} />
      <div>
        <Button busy={busy} onClick={() => void ask()}>
          {words.requestAct}
        </Button>
      </div>
      {error && <Problem error={error} />}
      {pem !== undefined && <CopyText label={words.requestLabel} text={pem} />}
    </Card>
  )
}

function Upload({ onSaved }: { onSaved: (view: WebCertificateView) => void }) {
  const [certificatePem, setCertificate] = useState('')
  const [chainPem, setChain] = useState('')
  const { busy, error, run } = useAction()
  const save = async () => {
    const body = {
      certificatePem: certificatePem.trim(),
      ...(chainPem.trim() === '' ? {} : { chainPem: chainPem.trim() }),
    }
    if (await run(async () => onSaved(await api.saveCertificate(body)))) toast(words.saved)
  }
  return (
    <Card title={words.upload}>
      <Field label={words.certificatePem} rows={6} value={certificatePem} onInput={setCertificate} />
      <Field label={words.chainPem} rows={6} value={chainPem} onInput={setChain} />
      <div>
        <Button busy={busy} disabled={certificatePem.trim() === ''} onClick={() => void save()}>
          {words.save}
        </Button>
      </div>
      {error && <Problem error={error} />}
    </Card>
  )
}
