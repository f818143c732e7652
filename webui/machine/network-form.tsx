// The fields of the network: the same in the setup and in the settings.
import { m } from '../locale/en-machine.ts'
import { Field, Select } from '../ui/field.tsx'
import { Note } from '../ui/messages.tsx'
import type { NetworkDraft, NetworkErrors, SideDraft, SideErrors } from './network-draft.ts'
import { dnsDoubt, networkOf } from './network-draft.ts'

const words = m.network

export interface NetworkFieldsProps {
  draft: NetworkDraft
  /** Those that may be shown. */
  errors: NetworkErrors
  onInput: (draft: NetworkDraft) => void
}

export function NetworkFields({ draft, errors, onInput }: NetworkFieldsProps) {
  const doubt = dnsDoubt(networkOf(draft))
  return (
    <div class="stack">
      <SideFields
        label={words.ipv4}
        methods={words.methods4}
        words={{ address: words.address4, prefix: words.prefix4, gateway: words.gateway4 }}
        side={draft.ipv4}
        errors={errors.ipv4}
        onInput={ipv4 => onInput({ ...draft, ipv4 })}
      />
      <SideFields
        label={words.ipv6}
        methods={words.methods6}
        words={{ address: words.address6, prefix: words.prefix6, gateway: words.gateway6 }}
        side={draft.ipv6}
        errors={errors.ipv6}
        onInput={ipv6 => onInput({ ...draft, ipv6 })}
      />
      <div class="split">
        <Field
          label={words.dns}
          hint={words.dnsHint}
          value={draft.dns}
          onInput={dns => onInput({ ...draft, dns })}
          error={errors.dns}
        />
        <Field
          label={words.domains}
          hint={words.domainsHint}
          value={draft.searchDomains}
          onInput={searchDomains => onInput({ ...draft, searchDomains })}
          error={errors.searchDomains}
        />
      </div>
      {doubt && <Note kind="warning">{words.noDns[doubt]}</Note>}
    </div>
  )
}

interface SideFieldsProps<Method extends string> {
  label: string
  methods: Readonly<Record<Method, string>>
  words: { address: string; prefix: string; gateway: string }
  side: SideDraft<Method>
  errors: SideErrors
  onInput: (side: SideDraft<Method>) => void
}

function SideFields<Method extends string>({
  label,
  methods,
  words: own,
  side,
  errors,
  onInput,
}: SideFieldsProps<Method>) {
  const change = (changes: Partial<SideDraft<Method>>) => onInput({ ...side, ...changes })
  const options = (Object.keys(methods) as Method[]).map(value => ({ value, label: methods[value] }))
  return (
    <>
      <Select
        class="narrow"
        label={label}
        value={side.method}
        onInput={method => change({ method })}
        options={options}
        error={errors.method}
      />
      {side.method === 'static' && (
        <div class="split">
          <Field
            label={own.address}
            value={side.address}
            onInput={address => change({ address })}
            error={errors.address}
            required
          />
          <Field
            label={own.prefix}
            value={side.prefixLength}
            onInput={prefixLength => change({ prefixLength })}
            error={errors.prefixLength}
            required
          />
          <Field
            label={own.gateway}
            hint={words.gatewayHint}
            value={side.gateway}
            onInput={gateway => change({ gateway })}
            error={errors.gateway}
          />
        </div>
      )}
    </>
  )
}
