// What an admin may fill in when the OVA is deployed: the OVF properties, which the first boot reads.
import { element, type XmlElement } from './xml.ts'

export interface OvfProperty {
  /** Unique; the name in the OVF environment. */
  key: string
  category: string
  label: string
  description: string
  /** Characters; vCenter refuses longer values. */
  maxLength: number
  /** The only values that are allowed. */
  choices?: readonly string[]
  /** Never shown again by vCenter; has no default. */
  password?: true
  /** Empty where there is none: vCenter starts no machine while a property has no value at all. */
  fallback?: string
}

const network = 'Network'
const access = 'First sign-in'

/** In the order in which the deployment wizard shows them. */
export const properties: readonly OvfProperty[] = [
  {
    key: 'hostname',
    category: network,
    label: 'Host name',
    description:
      'Full name, such as hoist.example.com, at most 64 characters. Empty: hoist. A name that DHCP gives is not taken. All these properties are read at the first start only; later the console and the page change them, all but the SSH key.',
    // HOST_NAME_MAX of Linux: the machine would not take a longer one.
    maxLength: 64,
  },
  {
    key: 'ipv4_mode',
    category: network,
    label: 'IPv4',
    description: 'dhcp, static (the address below) or off. With an address below, dhcp counts as static.',
    maxLength: 6,
    choices: ['dhcp', 'static', 'off'],
    fallback: 'dhcp',
  },
  {
    key: 'ipv4_address',
    category: network,
    label: 'IPv4 address',
    description: 'With its prefix length, such as 192.0.2.10/24. Empty: DHCP.',
    maxLength: 18,
  },
  {
    key: 'ipv4_gateway',
    category: network,
    label: 'IPv4 gateway',
    description: 'Such as 192.0.2.1. Goes with the address above; without one it is not used.',
    maxLength: 15,
  },
  {
    key: 'ipv6_mode',
    category: network,
    label: 'IPv6',
    description:
      'auto (router advertisements and DHCPv6), static (the address below) or off. With an address below, auto counts as static.',
    maxLength: 6,
    choices: ['auto', 'static', 'off'],
    fallback: 'auto',
  },
  {
    key: 'ipv6_address',
    category: network,
    label: 'IPv6 address',
    description: 'With its prefix length, such as 2001:db8::10/64. Empty: by the router and DHCPv6.',
    maxLength: 43,
  },
  {
    key: 'ipv6_gateway',
    category: network,
    label: 'IPv6 gateway',
    description: 'Such as 2001:db8::1. Goes with the address above; without one it is not used.',
    maxLength: 39,
  },
  {
    key: 'dns',
    category: network,
    label: 'DNS servers',
    description:
      'One to four addresses, separated by spaces. Empty: those that DHCP or the router gives; beside a fixed IPv4 address there may be none.',
    maxLength: 255,
  },
  {
    key: 'ntp',
    category: network,
    label: 'Time servers',
    description:
      'One to eight names or addresses, separated by spaces. Empty: those that DHCP gives, else those of Debian.',
    maxLength: 1024,
  },
  {
    key: 'proxy',
    category: network,
    label: 'Proxy (AWS, releases, security updates)',
    description: 'Such as http://proxy.example.com:3128. Empty: none. A password of the proxy is set in the wizard.',
    // As much as the machine takes: appliance/machine/verbs.ts.
    maxLength: 300,
  },
  {
    key: 'ssh_key',
    category: access,
    label: 'SSH public key',
    description:
      'One line in the form of authorized_keys; there is no other way to a key. SSH stays off until it is switched on, in the settings or at the console.',
    maxLength: 8192,
  },
  {
    key: 'setup_code',
    category: access,
    label: 'Setup code',
    description:
      'What the wizard asks for before the first administrator is made; worth nothing afterwards. 12 to 64 characters. Empty: the machine makes its own and shows it at its console.',
    maxLength: 64,
    password: true,
  },
]

/** @throws RangeError that names the first property whose definition vCenter would refuse or misread. */
export function checkProperties(list: readonly OvfProperty[]): void {
  const seen = new Set<string>()
  for (const { key, label, category, maxLength, choices, password, fallback = '' } of list) {
    const wrong = (why: string) => new RangeError(`property "${key}": ${why}`)
    // A dot or colon would be read as the product's class or instance.
    if (!/^[a-z][a-z0-9_]*$/.test(key)) throw wrong('a key is lower case letters, digits and underscores')
    if (seen.has(key)) throw wrong('it is there twice')
    seen.add(key)
    if (label === '' || category === '') throw wrong('it has no label or category')
    if (!Number.isInteger(maxLength) || maxLength < 1 || maxLength > 65_535) throw wrong('its length is out of range')
    if (password && (choices !== undefined || fallback !== '')) throw wrong('a password is neither chosen nor given')
    if (choices?.some(choice => !/^[\w.-]+$/.test(choice) || choice.length > maxLength))
      throw wrong('a choice does not fit')
    if (choices !== undefined && !choices.includes(fallback)) throw wrong('its default is none of its choices')
    if (fallback.length > maxLength) throw wrong('its default is too long')
  }
}

/** Categories and properties as they stand in a ProductSection: a Category is above those that belong to it. */
export function propertyElements(list: readonly OvfProperty[]): XmlElement[] {
  checkProperties(list)
  return list.flatMap((property, index) => {
    const { key, category, label, description, maxLength, choices, password, fallback = '' } = property
    const qualifiers =
      choices === undefined
        ? `MinLen(0),MaxLen(${maxLength})`
        : `ValueMap{${choices.map(choice => `"${choice}"`).join(',')}}`
    const attributes = {
      'ovf:key': key,
      'ovf:type': 'string',
      'ovf:qualifiers': qualifiers,
      'ovf:userConfigurable': true,
      'ovf:password': password,
      'ovf:value': fallback,
    }
    const own = element('Property', attributes, [element('Label', {}, label), element('Description', {}, description)])
    return list[index - 1]?.category === category ? [own] : [element('Category', {}, category), own]
  })
}
