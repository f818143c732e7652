// Host name and time servers as a form has them. Pure.
import { m } from '../locale/en-machine.ts'
import { isIpv4, isIpv6 } from './addresses.ts'
import { isName, listOf } from './network-draft.ts'

const maxHostnameLength = 64
const maxServers = 8
/** A name like this is a broken address. */
const endsInNumber = /(^|\.)\d+$/

/** Without the dot at its end that DNS writes. */
const nameOf = (entered: string) => entered.trim().replace(/\.$/, '')

/** What is stored stays as it is; empty: the machine has no name of its own, and keeps it that way. */
export function hostnameError(entered: string, stored: string): string | undefined {
  const name = nameOf(entered)
  if (name === stored) return undefined
  if (!isName(name, maxHostnameLength)) return m.hostname.nameWrong
  if (endsInNumber.test(name)) return m.hostname.nameNumber
  return /^localhost(\.|$)|\.localhost$/i.test(name) ? m.hostname.nameLocal : undefined
}

export function timeError(entered: string): string | undefined {
  const servers = listOf(entered)
  const fits = servers.every(one => isIpv4(one) || isIpv6(one) || (isName(one) && !endsInNumber.test(one)))
  return fits && servers.length <= maxServers ? undefined : m.time.serversWrong
}

export interface NameAndTime {
  hostname: string
  servers: string
}

/** What of it is other than stored. */
export function changesOf(draft: NameAndTime, stored: { hostname: string; servers: readonly string[] }) {
  const name = nameOf(draft.hostname)
  const servers = listOf(draft.servers)
  return {
    ...(name === stored.hostname ? {} : { hostname: { name } }),
    ...(servers.join() === stored.servers.join() ? {} : { time: { servers } }),
  }
}
