// Addresses as people write them, and whether one is in the network of another: the checks that the appliance makes too. Pure.

export function isIpv4(text: string): boolean {
  return (
    /^(\d{1,3}\.){3}\d{1,3}$/.test(text) &&
    text.split('.').every(part => String(Number(part)) === part && Number(part) < 256)
  )
}

export function isIpv6(text: string): boolean {
  return /^[0-9A-Fa-f:.]{2,45}$/.test(text) && text.includes(':') && URL.canParse(`http://[${text}]/`)
}

/** A network's size, from `24`, `/24` or `255.255.255.0`; undefined for what is none. */
export function prefixLengthOf(entered: string, bits: 32 | 128): number | undefined {
  const text = entered.trim().replace(/^\//, '')
  if (/^\d{1,3}$/.test(text)) return Number(text) >= 1 && Number(text) <= bits ? Number(text) : undefined
  if (bits === 128 || !isIpv4(text)) return undefined
  const ones = /^(1+)0*$/.exec(numberOf(text).toString(2).padStart(32, '0'))?.[1]
  return ones?.length
}

/** Whether two addresses of one kind begin with the same bits. */
export function inOneNetwork(one: string, other: string, prefixLength: number): boolean {
  const rest = BigInt((one.includes(':') ? 128 : 32) - prefixLength)
  return numberOf(one) >> rest === numberOf(other) >> rest
}

/** fe80::/10: how a router of IPv6 is reached, whatever the network. */
export const isLinkLocal = (address: string): boolean => address.includes(':') && inOneNetwork(address, 'fe80::', 10)

/** One that no machine can have: this host, loopback, multicast, broadcast. */
export function isNobodys(address: string): boolean {
  if (address.includes(':')) return inOneNetwork(address, '::', 127) || inOneNetwork(address, 'ff00::', 8)
  const first = Number(address.split('.')[0])
  return first === 0 || first === 127 || first >= 224
}

/** Whether both are the same, however they are written. */
export const sameAddress = (one: string, other: string): boolean =>
  one.includes(':') === other.includes(':') &&
  (isIpv4(one) || isIpv6(one)) &&
  (isIpv4(other) || isIpv6(other)) &&
  numberOf(one) === numberOf(other)

/** Of a valid address. */
function numberOf(address: string): bigint {
  if (!address.includes(':')) return BigInt(address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0))
  // The parser of URLs writes the dotted end of an address as two groups of hex.
  const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::')
  const groups = (text: string) => text.split(':').filter(Boolean)
  const end = tail === undefined ? [] : groups(tail)
  const all = [...groups(head), ...Array<string>(8 - groups(head).length - end.length).fill('0'), ...end]
  return all.reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n)
}
