// A notification channel as its form holds it. Pure.
import type { ChannelBody, ChannelView, TargetBody } from '../contract.ts'

export type ChannelKind = TargetBody['kind']
export type ChannelEvent = ChannelBody['events'][number]

export const channelEvents: readonly ChannelEvent[] = [
  'runFailed',
  'recovered',
  'firstSuccess',
  'jobPaused',
  'snapshotOld',
  'certificateExpiring',
  'credentialsExpiring',
  'connectorReadOnly',
  'upgradeFailed',
]

export interface ChannelDraft {
  name: string
  enabled: boolean
  events: ChannelEvent[]
  kind: ChannelKind
  topicArn: string
  url: string
  host: string
  port: string
  security: 'tls' | 'starttls' | 'none'
  username: string
  from: string
  to: string
  /** Signing key or password. */
  secret: string
}

export function draftOf(channel: ChannelView | undefined): ChannelDraft {
  const draft: ChannelDraft = {
    name: '',
    enabled: true,
    events: channelEvents.filter(event => event !== 'firstSuccess'),
    kind: 'smtp',
    topicArn: '',
    url: '',
    host: '',
    port: '465',
    security: 'tls',
    username: '',
    from: '',
    to: '',
    secret: '',
  }
  if (!channel) return draft
  const { name, enabled, events, target } = channel
  const known = { ...draft, name, enabled, events, kind: target.kind }
  if (target.kind === 'sns') return { ...known, topicArn: target.topicArn }
  if (target.kind === 'webhook') return { ...known, url: target.url }
  return {
    ...known,
    host: target.host,
    port: String(target.port),
    security: target.security,
    username: target.username ?? '',
    from: target.from,
    to: target.to.join(', '),
  }
}

export function bodyOf(draft: ChannelDraft): ChannelBody {
  const { name, enabled, events } = draft
  return { name: name.trim(), enabled, events, target: targetOf(draft) }
}

function targetOf(draft: ChannelDraft): TargetBody {
  const { kind, secret } = draft
  if (kind === 'sns') return { kind, topicArn: draft.topicArn.trim() }
  if (kind === 'webhook') return { kind, url: draft.url.trim(), ...(secret === '' ? {} : { signingKey: secret }) }
  return {
    kind,
    host: draft.host.trim(),
    port: Number(draft.port),
    security: draft.security,
    from: draft.from.trim(),
    to: draft.to.split(/[\s,;]+/).filter(Boolean),
    ...(draft.username === '' ? {} : { username: draft.username }),
    ...(secret === '' ? {} : { password: secret }),
  }
}

/** Where it goes, in a line. */
export function targetWords(target: ChannelView['target']): string {
  if (target.kind === 'sns') return target.topicArn
  return target.kind === 'webhook' ? target.url : `${target.to.join(', ')} (${target.host})`
}
