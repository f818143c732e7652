// Host name and time servers as a form has them. Pure.
import { m } from '../locale/en-machine.ts'
import { isIpv4, isIpv6 } from './addresses.ts'
import { isName, listOf } from './network-draft.ts'

const maxHostnameLength = 64
const maxServers = 8

/** Empty: the machine has no name of its own, and keeps it that way. */
export function hostnameError(entered: string, stored: string): string | undefined {
  const name = entered.trim()
  if (name === '' && stored === '') return undefined
  return isName(name, maxHostnameLength) ? undefined : m.hostname.nameWrong
}

export function timeError(entered: string): string | undefined {
  const servers = listOf(entered)
  // A name that ends in a number is a broken address.
  const fits = servers.every(one => isIpv4(one) || isIpv6(one) || (isName(one) && !/(^|\.)\d+$/.test(one)))
  return fits && servers.length <= maxServers ? undefined : m.time.serversWrong
}

export interface NameAndTime {
  hostname: string
  servers: string
}

/** What of it is other than stored. */
export function changesOf(draft: NameAndTime, stored: { hostname: string; servers: readonly string[] }) {
  const name = draft.hostname.trim()
  const servers = listOf(draft.servers)
  return {
    ...(name === stored.hostname ? {} : { hostname: { name } }),
    ...(servers.join() === stored.servers.join() ? {} : { time: { servers } }),
  }
}
