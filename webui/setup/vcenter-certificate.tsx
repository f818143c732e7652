// A certificate's facts, and the comparison with a thumbprint from elsewhere.
import { useState } from 'preact/hooks'
import type { CertificateSummary } from '../contract.ts'
import { moment } from '../format.ts'
import { s } from '../locale/en-setup.ts'
import { Field } from '../ui/field.tsx'
import { Facts } from '../ui/layout-parts.tsx'
import { State, type StateKind } from '../ui/state.tsx'
import { type Comparison, compareThumbprint } from './thumbprint.ts'

const words = s.vcenter

export function CertificateFacts({
  of,
}: {
  of: Omit<CertificateSummary, 'certificatePem' | 'thumbprintSha1'> & { thumbprintSha1?: string }
}) {
  return (
    <Facts
      of={[
        [words.subject, of.subject],
        [words.issuer, of.issuer],
        [words.valid, words.from(moment(of.validFrom), moment(of.validTo))],
        [words.sha256, <code key="256">{of.thumbprintSha256}</code>],
        [words.sha1, of.thumbprintSha1 && <code key="1">{of.thumbprintSha1}</code>],
      ]}
    />
  )
}

const kinds: Record<Comparison, StateKind> = { same: 'success', different: 'error', incomplete: 'notStarted' }

export function ThumbprintComparison({ certificate }: { certificate: CertificateSummary }) {
  const [entered, setEntered] = useState('')
  const found = compareThumbprint(entered, certificate)
  return (
    <div class="stack">
      <Field label={words.compare} hint={words.compareHint} value={entered} onInput={setEntered} maxLength={256} />
      {found && <State kind={kinds[found]} word={words.comparisons[found]} />}
    </div>
  )
}
