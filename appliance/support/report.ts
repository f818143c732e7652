// The text of a report, to be copied into a ticket: what support asks for in any case. No names, no addresses, no accounts.
export interface ReportFacts {
  version: string
  node: string
  platform: string
  startedAt: string
  now: string
  /** vCenter's `fullName`, when it is known. */
  vcenter?: string | undefined
  region?: string | undefined
  registered: boolean
  servers: number
  jobs: number
  checks: readonly { title: string; state: string; at?: string }[]
  /** Newest first. */
  failures: readonly { endedAt?: string; code: string; stage: string }[]
}

export function reportText(facts: ReportFacts): string {
  const { checks, failures } = facts
  const bad = checks.filter(({ state }) => state === 'error' || state === 'warning')
  return `${[
    'What happened:',
    '',
    'What you expected:',
    '',
    'When, and with which servers or jobs:',
    '',
    '--- about this appliance ---',
    `Hoist ${facts.version} on Node.js ${facts.node}, ${facts.platform}`,
    `Up since ${facts.startedAt}; now ${facts.now}`,
    `vCenter: ${facts.vcenter ?? 'not set up'}`,
    `AWS Region: ${facts.region ?? 'not set up'}; connector ${facts.registered ? 'registered' : 'not registered'}`,
    `${facts.servers} servers, ${facts.jobs} jobs`,
    '',
    `Checks: ${checks.length - bad.length} of ${checks.length} without a finding`,
    ...bad.map(({ title, state, at }) => `- ${state}: ${title}${at === undefined ? '' : ` (${at})`}`),
    '',
    failures.length === 0 ? 'No failed runs.' : 'Runs that failed last:',
    ...failures.map(({ endedAt = 'unknown', code, stage }) => `- ${endedAt}: ${code}, while ${stage}`),
    '',
    'Attach the log bundle from the Support page.',
  ].join('\n')}\n`
}
