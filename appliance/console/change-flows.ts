// What an admin changes on the console: network, proxy, time, passwords, SSH, updates. Asked, shown, confirmed, done, told.
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { ApplianceError } from '../errors.ts'
import { readNetworkState } from '../health/network-state.ts'
import { readTimeSync } from '../health/time-sync.ts'
import type { Verb } from '../machine/verbs.ts'
import type { Acts } from './acts.ts'
import type { Dialog } from './dialog.ts'
import { reachable } from './facts.ts'
import type { Values } from './form.ts'
import {
  isVerb,
  networkForm,
  networkSummary,
  networkVerbs,
  networkWarning,
  type Present,
  wordsOf,
} from './network-form.ts'
import type { ConsoleParts } from './parts.ts'

export interface Flow {
  ui: Dialog
  parts: ConsoleParts
  acts: Acts
}

/** The service asks AWS through a proxy before it keeps it, milliseconds. */
const proxyMs = 90_000
const askMs = 20_000
/** Until DHCP or the router has given an address, milliseconds. */
const settleMs = 3_000
const reading = 'Reading what is set'

export async function changeNetwork({ ui, parts, acts }: Flow): Promise<void> {
  const title = 'Network and name'
  const [state, present] = await ui.work(title, reading, Promise.all([parts.machine.state(), presentNetwork(parts)]))
  const values = await ui.form(title, [], networkForm(state, present))
  if (!values) return
  const verbs = networkVerbs(values, state, present)
  if (verbs.length === 0) return await ui.tell(title, ['Nothing is changed: this is what is set already.'])
  const doubt = networkWarning(verbs)
  const warning = verbs.some(({ verb }) => verb === 'network')
    ? ' The address may change: open pages have to be opened anew. Runs go on by themselves.'
    : ' The certificate of the page is made for the new name within a day, or at the next start of the service.'
  const summary = networkSummary(verbs)
  if (!(await ui.confirm(title, [...summary.map(line => ` ${line}`), '', ...(doubt ? [doubt, ''] : []), warning])))
    return
  for (const verb of verbs) {
    const act = verb.verb === 'hostname' ? 'hostname' : 'network'
    const told = Object.fromEntries(networkSummary([verb]).map(line => [line.slice(0, 17).trim(), line.slice(17)]))
    await ui.work(
      title,
      'Changing',
      acts.told(act, told, () => parts.machine.ask(verb)),
    )
  }
  await ui.work(title, 'Waiting for the new address', new Promise(resolve => setTimeout(resolve, settleMs)))
  const suffix = parts.port === 443 ? '' : `:${parts.port}`
  const urls = reachable(networkInterfaces()).map(one => `https://${one.includes(':') ? `[${one}]` : one}${suffix}/`)
  const open =
    urls.length === 0 ? ['There is no address yet: the first screen shows it.'] : ['Open:', ...urls.slice(0, 4)]
  await ui.tell(title, ['The change is in force.', ...open])
}

async function presentNetwork({ root }: ConsoleParts): Promise<Present> {
  const { interfaces, gateway, dns } = await readNetworkState({
    routes: join(root, 'proc/net/route'),
    resolvConf: join(root, 'etc/resolv.conf'),
    upstream: join(root, 'run/systemd/resolve/resolv.conf'),
  })
  const all = interfaces.flatMap(({ addresses }) => addresses)
  const ipv4 = all.find(address => !address.includes(':'))
  const ipv6 = all.find(address => address.includes(':') && !/^fe[89ab]/i.test(address))
  return {
    hostName: hostname(),
    dns,
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    ...(gateway === undefined ? {} : { gateway }),
  }
}

export async function changeProxy({ ui, parts, acts }: Flow): Promise<void> {
  const title = 'Proxy'
  const view = await ui.work(title, reading, service(parts, 'GET', '/api/system', undefined, askMs))
  const proxy = Object(Object(view).proxy) as { url?: string; username?: string; hasPassword?: boolean }
  const text = { kind: 'text' as const, maxLength: 256 }
  const values = await ui.form(title, ['The way to AWS and to the updates of the system.'], {
    fields: [
      {
        ...text,
        name: 'url',
        label: 'URL',
        value: proxy.url ?? '',
        hint: 'As http://proxy.example.com:3128; empty: none',
      },
      { ...text, name: 'username', label: 'User name', value: proxy.username ?? '', hint: 'Empty: none' },
      {
        kind: 'secret',
        name: 'password',
        label: 'Password',
        value: '',
        maxLength: 256,
        hint: proxy.hasPassword ? 'Empty: the one that is stored' : 'Empty: none',
      },
    ],
    check: proxyFlaw,
  })
  if (!values) return
  const { url = '', username = '', password = '' } = values
  const body =
    url === '' ? {} : { url, ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password }) }
  const summary =
    url === '' ? ' AWS is reached without a proxy.' : ` ${url}${username === '' ? '' : `, as ${username}`}`
  if (!(await ui.confirm(title, [summary, '', ' AWS is asked through it first; it is kept only if AWS answers.'])))
    return
  const change = () => service(parts, 'PUT', '/api/system/proxy', body, proxyMs)
  await ui.work(title, 'Asking AWS through the proxy', acts.told('proxy', { url, username }, change))
  await ui.tell(title, [url === '' ? 'There is no proxy any more.' : 'The proxy is in force.'])
}

function proxyFlaw({ url = '', username = '', password = '' }: Values) {
  if (url === '')
    return username === '' && password === '' ? undefined : { field: 'url', text: 'A user name needs a proxy.' }
  if (!isVerb({ verb: 'proxy', url })) return { field: 'url', text: 'Write it as http://host:port.' }
  return username === '' && password !== '' ? { field: 'username', text: 'A password needs a user name.' } : undefined
}

export async function changeTime({ ui, parts, acts }: Flow): Promise<void> {
  const title = 'Time'
  const signal = AbortSignal.timeout(askMs)
  const [state, sync] = await ui.work(title, reading, Promise.all([parts.machine.state(), readTimeSync(signal)]))
  const how = sync
    ? `${sync.synchronized ? 'In step with' : 'NOT in step yet with'} ${sync.servers.join(', ') || 'its servers'}.`
    : 'Nothing here can tell whether the clock is right.'
  const now = `${new Date().toISOString().slice(0, 19).replace('T', ' ')} UTC. ${how} AWS refuses a clock that is wrong by minutes.`
  const values = await ui.form(title, [now], {
    fields: [
      {
        kind: 'text',
        name: 'servers',
        label: 'Time servers',
        value: state.timeServers.join(' '),
        maxLength: 400,
        hint: 'Up to 8 names or addresses, with blanks between; empty: the usual ones',
      },
    ],
    check: ({ servers }) =>
      isVerb({ verb: 'time', servers: wordsOf(servers) })
        ? undefined
        : { field: 'servers', text: 'One of them is neither a name nor an address, or there are more than 8.' },
  })
  if (!values) return
  const servers = wordsOf(values.servers)
  const words = servers.join(' ') || 'the usual ones'
  if (!(await ui.confirm(title, [` Time servers: ${words}`]))) return
  await ui.work(
    title,
    'Changing',
    acts.told('time', { servers: words }, () => parts.machine.ask({ verb: 'time', servers })),
  )
  await ui.tell(title, ['The time servers are in force. It may take a minute until the clock is in step.'])
}

export async function switchSsh(flow: Flow): Promise<void> {
  const state = await flow.ui.work('SSH', reading, flow.parts.machine.state())
  if (!state.sshKey && !state.ssh)
    return await flow.ui.tell('SSH', [
      'SSH is off, and stays off: there is no public key, so nobody could sign in.',
      'Only a deployment brings a key: deploy the appliance with the property ssh_key.',
    ])
  const keys = (state.sshKeys ?? []).map(({ fingerprint, comment }) => `${fingerprint} ${comment}`.trim())
  const who = state.sshKey
    ? `root signs in by key, never with a password. ${keys.join('; ')}`
    : 'There is no public key: nobody can sign in.'
  await toggle(flow, 'SSH', 'ssh', state.ssh, who)
}

export async function switchUpdates(flow: Flow): Promise<void> {
  const title = 'Security updates'
  const state = await flow.ui.work(title, reading, flow.parts.machine.state())
  const about = 'Security updates of the system are installed by themselves. Releases of Hoist are another matter.'
  await toggle(flow, title, 'updates', state.updates, about)
}

async function toggle({ ui, parts, acts }: Flow, title: string, verb: 'ssh' | 'updates', on: boolean, about: string) {
  const text = [`  ${title}: ${on ? 'on' : 'off'}`, '', ` ${about}`]
  if (!(await ui.confirm(title, text, on ? 'Switch off?' : 'Switch on?'))) return
  const wanted: Verb = { verb, enabled: !on }
  const switched = { enabled: String(!on) }
  await ui.work(
    title,
    on ? 'Switching off' : 'Switching on',
    acts.told(verb, switched, () => parts.machine.ask(wanted)),
  )
  await ui.tell(title, [`${title}: ${on ? 'off' : 'on'}.`])
}

export async function resetPassword({ ui, parts, acts }: Flow): Promise<void> {
  const title = 'Reset a password'
  const names = await ui.work(title, 'Reading the accounts', accountNames(parts))
  if (names?.length === 0)
    return await ui.tell(title, [
      'There is no account yet: open the page and enter the setup code of the first screen.',
    ])
  const who: Parameters<Dialog['form']>[2]['fields'][number] = names
    ? {
        kind: 'choice',
        name: 'name',
        label: 'Account',
        value: names[0] ?? '',
        options: names.map(value => ({ value, label: value })),
      }
    : {
        kind: 'text',
        name: 'name',
        label: 'Account',
        value: '',
        maxLength: 64,
        hint: 'The service does not answer: type its name',
      }
  const secret = { kind: 'secret' as const, value: '', maxLength: 256 }
  const values = await ui.form(title, ['The sessions of the account end, and a lock is lifted.'], {
    fields: [
      names && names.length > 3
        ? { kind: 'text', name: 'name', label: 'Account', value: names[0] ?? '', maxLength: 64, hint: names.join(', ') }
        : who,
      { ...secret, name: 'password', label: 'New password', hint: 'At least 12 characters' },
      { ...secret, name: 'again', label: 'Once more' },
    ],
    check: ({ name, password, again }) =>
      name === ''
        ? { field: 'name', text: 'Whose password?' }
        : password === ''
          ? { field: 'password', text: 'There is no password yet.' }
          : password === again
            ? undefined
            : { field: 'again', text: 'The two are not the same.' },
  })
  if (!values) return
  const { name = '', password = '' } = values
  if (!(await ui.confirm(title, [` The password of ${name} is changed.`]))) return
  const done = await ui.work(
    title,
    'Changing',
    acts.told('reset-password', { name }, () => parts.resetPassword(name, password)),
  )
  await ui.tell(title, [done])
}

/** Administrators first; undefined: the service does not say. */
async function accountNames(parts: ConsoleParts): Promise<string[] | undefined> {
  try {
    const { items } = (await service(parts, 'GET', '/api/accounts', undefined, askMs)) as {
      items: { name: string; role: string }[]
    }
    const first = items.filter(({ role }) => role === 'administrator')
    return [...first, ...items.filter(item => !first.includes(item))].map(({ name }) => name)
  } catch {
    return undefined // Who is locked out needs the way back most when the service is silent.
  }
}

/** @throws {ApplianceError} SERVICE_SILENT; INVALID_REQUEST with the service's own words */
export async function service(parts: ConsoleParts, method: string, path: string, body: object | undefined, ms: number) {
  const answer = await parts
    .api(method, path, { ...(body ? { body } : {}), signal: AbortSignal.timeout(ms) })
    .catch((cause: unknown) => {
      throw new ApplianceError('SERVICE_SILENT', 'The service does not answer.', {
        cause,
        hint: 'Wait a minute; else look at 8 Log, or restart it with 9. Nothing was changed.',
      })
    })
  if (answer.status < 400) return answer.body
  const { message = 'The service refuses this.', hint = '' } = Object(answer.body)
  throw new ApplianceError('INVALID_REQUEST', String(message), { hint: String(hint) })
}
