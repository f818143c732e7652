// The first screen: what the appliance is, where to open it, and how it is. Pure: facts become lines.
import type { Facts } from './facts.ts'
import { type Frame, frameOf, type Line, type Size, type Span, widthOf } from './frame.ts'
import { cut, plain, wrap } from './text.ts'

export type HomeItem =
  | 'network'
  | 'proxy'
  | 'time'
  | 'password'
  | 'certificate'
  | 'ssh'
  | 'updates'
  | 'log'
  | 'restart'
  | 'reset'

export const homeItems: readonly { key: string; label: string; value: HomeItem }[] = [
  { key: '1', label: 'Network and name', value: 'network' },
  { key: '2', label: 'Proxy', value: 'proxy' },
  { key: '3', label: 'Time', value: 'time' },
  { key: '4', label: 'Reset a password', value: 'password' },
  { key: '5', label: 'Certificate', value: 'certificate' },
  { key: '6', label: 'SSH', value: 'ssh' },
  { key: '7', label: 'Security updates', value: 'updates' },
  { key: '8', label: 'Log and notices', value: 'log' },
  { key: '9', label: 'Restart', value: 'restart' },
  { key: '0', label: 'Factory reset', value: 'reset' },
]

/** Down, then to the next column. */
export const menuRows = 4
const menuColumn = 26
const labelWidth = 13
const shownFindings = 2
/** Lines. Each disk that a start has looked at is named, and there is little else to show. */
const longHealth = 8
/** A service that was just started, or is busy with a large database, may be silent for so long. Milliseconds. */
export const patienceMs = 120_000

export function homeFrame(version: string, facts: Facts | undefined, at: number, size: Size): Frame {
  const width = widthOf(size)
  const title = `Hoist ${facts?.service.kind === 'answers' ? facts.service.view.version : version}`
  const room = size.rows - 4 - menuRows
  const body = facts ? fitted(sections(facts, width), room) : ['', ' Looking at the appliance...']
  const empty = Array.from({ length: Math.max(0, room - body.length) }, () => '')
  const help = 'Number or arrows and Enter: choose'
  return frameOf({ title, body: [...body, ...empty, ...menu(at)], help }, size)
}

/** Where an arrow key leads. */
export function homeMove(at: number, key: string): number {
  const steps: Readonly<Record<string, number>> = { up: -1, down: 1, left: -menuRows, right: menuRows }
  const next = at + (steps[key] ?? 0)
  return next >= 0 && next < homeItems.length ? next : at
}

function menu(at: number): Line[] {
  return Array.from({ length: menuRows }, (_, row) => {
    const spans: Span[] = [' ']
    for (let index = row; index < homeItems.length; index += menuRows) {
      const item = homeItems[index]
      const text = ` ${item?.key} ${item?.label} `
      spans.push(index === at ? { text, style: 'reverse' } : text, ' '.repeat(menuColumn - text.length))
    }
    return spans
  })
}

/** Sections are set apart by an empty line, as long as there is room; what is least wanted stands last. */
function fitted(parts: readonly Line[][], rows: number): Line[] {
  const all = parts.filter(part => part.length > 0)
  const spread = all.flatMap((part, index) => (index === 0 ? part : ['', ...part]))
  return (spread.length <= rows ? spread : all.flat()).slice(0, rows)
}

function sections(facts: Facts, width: number): Line[][] {
  const { service } = facts
  const where = [...labelled('Name', [facts.hostName], width), ...addresses(facts, width)]
  const health = labelled('Health', [healthLine(facts)], width, facts.bootFailure ? longHealth : 3)
  const notices = noticesOf(facts).flatMap(text => labelled('Notice', [text], width, 2))
  return [where, access(service, width), fingerprint(facts.fingerprint), [...health, ...notices]]
}

function addresses({ addresses, port }: Facts, width: number): Line[] {
  if (addresses.length === 0)
    return labelled('Addresses', ['none: check the network adapter of this VM, or 1 Network'], width, 2)
  const suffix = port === 443 ? '' : `:${port}`
  const urls = [addresses.find(one => !one.includes(':')), addresses.find(one => one.includes(':'))].flatMap(one =>
    one === undefined ? [] : [`https://${one.includes(':') ? `[${one}]` : one}${suffix}/`],
  )
  return [
    ...labelled('Addresses', flowed(addresses, width - labelWidth - 1, 3), width, 3),
    ...labelled('Open', flowed(urls, width - labelWidth - 1, 2, '   '), width, 2, 'bold'),
  ]
}

/** As many as fit into so many lines, and how many do not. */
function flowed(items: readonly string[], width: number, lines: number, between = ', '): string[] {
  const flown: string[] = []
  for (const [index, item] of items.entries()) {
    const last = flown.at(-1)
    const more = `${between}and ${items.length - index} more`
    // Whatever comes after this one may need the words that say so.
    const spare = flown.length === lines && index < items.length - 1 ? more.length : 0
    if (last !== undefined && last.length + between.length + item.length + spare <= width)
      flown[flown.length - 1] = `${last}${between}${item}`
    else if (flown.length < lines) flown.push(item)
    else {
      flown[flown.length - 1] = `${cut(last ?? '', width - more.length)}${more}`
      break
    }
  }
  return flown
}

function access(service: Facts['service'], width: number): Line[] {
  if (service.kind === 'rescue') return labelled('API token', [service.token], width, 1, 'bold')
  if (service.kind !== 'answers' || service.view.claimed) return []
  const { setupCode } = service.view
  if (setupCode === undefined) return labelled('Setup code', ['the one that was given at the deployment'], width)
  const spaced = [...plain(setupCode)].join(' ').replaceAll(' - ', '  -  ')
  const shown = spaced.length + labelWidth + 6 <= width ? spaced : plain(setupCode)
  return [
    [` ${'Setup code'.padEnd(labelWidth)}`, { text: `  ${shown}  `, style: 'reverse' }],
    ` ${''.padEnd(labelWidth)}The page asks for it once, to make the administrator.`,
  ]
}

/** 16 pairs a line, in groups of four, as they are read aloud. */
function fingerprint(text: string | undefined): Line[] {
  if (text === undefined) return []
  const pairs = text.split(':')
  const groups = Array.from({ length: pairs.length / 4 }, (_, index) => pairs.slice(index * 4, index * 4 + 4).join(':'))
  const indent = ' '.repeat(labelWidth + 1)
  return [
    ` ${'Certificate'.padEnd(labelWidth)}SHA-256; compare it with what the browser shows:`,
    [indent, { text: groups.slice(0, 4).join('  '), style: 'bold' }],
    [indent, { text: groups.slice(4).join('  '), style: 'bold' }],
  ]
}

/** The state of everything in a sentence or two. */
export function healthLine({ service, bootFailure, units }: Facts): string {
  if (service.kind === 'answers') {
    const { problems, checkedAt } = service.view
    if (problems.length === 0) return checkedAt === undefined ? 'being checked' : 'all is well'
    const words = problems.map(({ title, cause }) => (cause === undefined ? title : `${title}: ${cause}`))
    return `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}: ${words.join('; ')}`
  }
  if (service.kind === 'rescue') return `${service.message} Open the page and enter the API token to restore a backup.`
  if (service.kind === 'refuses') return `${service.message} ${service.hint}`
  if (bootFailure) return `The machine has not started as it should. ${bootFailure.message} ${bootFailure.hint}`
  if (units.boot === 'failed')
    return 'The machine has not started as it should: look at hard disk 2 in vCenter and at 8 Log, then restart the machine.'
  if (units.service === 'failed') return 'The service has failed: see 8 Log, or restart it with 9.'
  if (units.service === 'inactive') return 'The service is stopped: start it with 9.'
  if (service.forMs < patienceMs) return 'The service is starting.'
  const minutes = Math.floor(service.forMs / 60_000)
  return `The service has not answered for ${minutes} minutes: see 8 Log, or restart it with 9.`
}

function noticesOf({ bootFailure, units, findings, upgrade }: Facts): string[] {
  const notices: string[] = []
  if (upgrade && upgrade.phase !== 'settled') {
    const { from, to } = upgrade
    const words = {
      preparing: `Upgrade from ${from} to ${to}: being prepared.`,
      trying: `Release ${to} is on trial; ${from} comes back by itself if it is not well within two minutes.`,
      'rolling-back': `Release ${to} was not well: ${from} is being put back.`,
    }
    notices.push(words[upgrade.phase])
  }
  // It waits for the data disk, too, while an upgrade is to be ended.
  if (!bootFailure && (units.helper === 'failed' || units.helper === 'inactive'))
    notices.push('The helper that changes the machine does not run: restart the machine in vCenter.')
  notices.push(...findings.slice(0, shownFindings).map(({ about, text }) => `${about}: ${text}`))
  if (findings.length > shownFindings) notices.push(`${findings.length - shownFindings} more: see 8 Log and notices.`)
  return notices
}

function labelled(label: string, texts: readonly string[], width: number, maxLines = 1, style?: 'bold'): Line[] {
  const room = width - labelWidth - 1
  const lines = texts.flatMap(text => wrap(text, room))
  const kept = lines.slice(0, maxLines)
  if (lines.length > maxLines)
    kept[maxLines - 1] = cut(`${kept[maxLines - 1]} ${lines[maxLines] ?? ''}${' '.repeat(room)}`, room)
  return kept.map((text, index) => {
    const head = ` ${(index === 0 ? label : '').padEnd(labelWidth)}`
    return style ? [head, { text, style }] : `${head}${text}`
  })
}
