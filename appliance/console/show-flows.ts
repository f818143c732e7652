// What an admin looks at or ends on the console: certificate, log, log bundle, restarts, the factory reset.
import { createHash, X509Certificate } from 'node:crypto'
import { ApplianceError, toApplianceError } from '../errors.ts'
import { localCertificate } from '../local-api.ts'
import { runsInTheWay } from '../machine/runs-in-the-way.ts'
import { resetWords, type Verb } from '../machine/verbs.ts'
import { type LogLine, recentLines } from '../support/log-lines.ts'
import { type Flow, service } from './change-flows.ts'
import { widthOf } from './frame.ts'
import type { ConsoleParts } from './parts.ts'
import { wrap } from './text.ts'

const journalUnits = ['hoist-boot', 'hoist-machine', 'hoist'].flatMap(unit => ['--unit', unit])
/** As many as an admin pages through. */
const shownLines = 200
/** A bundle is made and sent; a slow line takes its time. Milliseconds. */
const bundleMs = 60 * 60_000
/** Longer than the helper takes, which the service asks for it. Milliseconds. */
const runsMs = 15_000
const dayMs = 24 * 60 * 60_000
/** A line of base64, and of bytes. */
const base64Line = 76
const bytesLine = 57

export async function showCertificate({ ui, parts }: Flow): Promise<void> {
  const title = 'Certificate'
  const pem = (await localCertificate(parts.dataDir))?.toString('latin1')
  if (pem === undefined)
    throw new ApplianceError('NOT_FOUND', 'There is no certificate yet.', {
      hint: 'The service makes it at its first start.',
    })
  const certificate = new X509Certificate(pem)
  const room = widthOf(ui.terminal.size) - 13
  const rows = [
    ['Subject', certificate.subject],
    ['Issuer', certificate.issuer === certificate.subject ? 'itself' : certificate.issuer],
    ['Names', certificate.subjectAltName ?? 'none'],
    ['Valid', `${certificate.validFrom} to ${certificate.validTo}`],
    ['SHA-256', certificate.fingerprint256],
    ['SHA-1', certificate.fingerprint],
  ]
  const lines = rows.flatMap(([label = '', text = '']) =>
    wrap(text, room).map((line, index) => ` ${(index === 0 ? label : '').padEnd(10)} ${line}`),
  )
  await ui.read(title, [...lines, '', ...pem.trimEnd().split('\n')])
}

export async function showLog(flow: Flow): Promise<void> {
  const { ui } = flow
  for (;;) {
    const chosen = await ui.menu('Log', [], [
      { key: '1', label: 'Last lines of the service', value: 'all' },
      { key: '2', label: 'Warnings and errors of the service', value: 'warn' },
      { key: '3', label: 'Journal of the machine', value: 'journal' },
      { key: '4', label: 'Notices, whole', value: 'findings' },
      { key: '5', label: 'Log bundle over this line, in base64', value: 'bundle' },
    ] as const)
    if (chosen === undefined) return
    if (chosen === 'bundle') await sendBundle(flow)
    else await ui.read('Log', await logPage(flow, chosen), chosen === 'findings' ? 'top' : 'end')
  }
}

async function logPage({ ui, parts }: Flow, which: 'all' | 'warn' | 'journal' | 'findings'): Promise<string[]> {
  const width = widthOf(ui.terminal.size)
  const wrapped = (text: string) => wrap(text, width - 3).map((line, index) => (index === 0 ? line : `   ${line}`))
  if (which === 'journal') {
    const args = ['--no-pager', '--quiet', '--output=short', `--lines=${shownLines}`, ...journalUnits]
    const text = await ui.work('Log', 'Reading', parts.run('/usr/bin/journalctl', args))
    return text.trim() === ''
      ? ['The journal is empty, or not for this console to read.']
      : text.trimEnd().split('\n').flatMap(wrapped)
  }
  if (which === 'findings') {
    const { findings } = await ui.work('Log', 'Reading', parts.machine.state())
    return findings.length === 0
      ? ['There is no notice.']
      : findings.flatMap(({ about, text }) => wrapped(`${about}: ${text}`))
  }
  const query = { limit: shownLines, ...(which === 'warn' ? { level: 'warn' as const } : {}) }
  const { items } = await ui.work('Log', 'Reading', recentLines(parts.logFiles(), query))
  return items.length === 0 ? ['There is no such line.'] : items.toReversed().flatMap(line => wrapped(logText(line)))
}

function logText({ at, level, message, fields }: LogLine): string {
  const more = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields)}`
  return `${at.slice(5, 19).replace('T', ' ')} ${level.toUpperCase()} ${message}${more}`
}

async function sendBundle({ ui, parts, acts }: Flow): Promise<void> {
  const title = 'Log bundle'
  const text = [
    'Over a serial line, begin to record in your terminal program now; in the console window of a VM this is of no use: add a serial port to the VM instead.',
    'Afterwards: sed -n "/^-----BEGIN/,/^-----END/p" FILE | grep -v -e ----- | base64 -d -i > hoist-logs.tar.gz',
  ]
  const values = await ui.form(title, text, {
    submit: 'Send',
    fields: [
      {
        kind: 'choice',
        name: 'days',
        label: 'Of the last',
        value: '1',
        options: [
          { value: '1', label: 'day' },
          { value: '7', label: 'week' },
          { value: '', label: 'all there is' },
        ],
      },
      {
        kind: 'choice',
        name: 'names',
        label: 'Names and addresses',
        value: 'shown',
        options: [
          { value: 'shown', label: 'as they are' },
          { value: 'hidden', label: 'pseudonyms' },
        ],
      },
    ],
  })
  if (!values) return
  const query = new URLSearchParams()
  if (values.days) query.set('from', new Date(Date.now() - Number(values.days) * dayMs).toISOString())
  if (values.names === 'hidden') query.set('obfuscate', 'true')
  const given = new AbortController()
  const signal = AbortSignal.any([given.signal, AbortSignal.timeout(bundleMs)])
  try {
    const told = { days: values.days || 'all', names: values.names ?? '' }
    const sum = await acts.told('log-bundle', told, async () => {
      const { status, content } = await parts.open(`/api/support/bundle?${query}`, signal).catch((cause: unknown) => {
        throw new ApplianceError('SERVICE_SILENT', 'The service does not answer.', {
          cause,
          hint: 'Look at the lines here instead.',
        })
      })
      if (status !== 200)
        throw new ApplianceError('SERVICE_SILENT', 'The service gives no log bundle.', {
          hint: 'Try it again in a minute.',
        })
      return await sendBase64(content, text => ui.terminal.send(text))
    })
    ui.terminal.dropKeys()
    await ui.tell(title, ['The log bundle has been sent. SHA-256 of the file:', sum])
  } finally {
    given.abort()
    ui.terminal.repaint()
  }
}

/** Between two lines that no base64 can be. Returns the SHA-256 of the bytes, in hex. */
export async function sendBase64(
  content: AsyncIterable<Buffer>,
  send: (text: string) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256')
  let waiting = Buffer.alloc(0)
  await send('\x1b[0m\x1b[H\x1b[2J-----BEGIN HOIST LOG BUNDLE-----\r\n'.replace('-----BEGIN', '\r\n-----BEGIN'))
  for await (const chunk of content) {
    hash.update(chunk)
    waiting = Buffer.concat([waiting, chunk])
    const whole = waiting.length - (waiting.length % bytesLine)
    await send(linesOf(waiting.subarray(0, whole)))
    waiting = waiting.subarray(whole)
  }
  await send(`${linesOf(waiting)}-----END HOIST LOG BUNDLE-----\r\n`)
  return hash.digest('hex')
}

function linesOf(bytes: Buffer): string {
  return bytes.toString('base64').replace(new RegExp(`.{1,${base64Line}}`, 'g'), '$&\r\n')
}

export async function restart(flow: Flow): Promise<void> {
  const { ui } = flow
  const title = 'Restart'
  const what = await ui.menu(title, ['Runs that are under way go on afterwards.'], [
    { key: '1', label: 'The service', value: 'service' },
    { key: '2', label: 'The whole machine', value: 'machine' },
  ] as const)
  if (what === undefined) return
  const asked =
    what === 'service'
      ? { text: [' The service is restarted.'], question: 'Restart?' }
      : await withRuns(title, ' The machine is restarted.', 'Restart', flow)
  if (!(await ui.confirm(title, asked.text, asked.question))) return
  await ended(title, what === 'service' ? 'restart-service' : 'restart-machine', { verb: 'restart', what }, flow)
  await ui.tell(title, [
    what === 'service' ? 'The service starts again: it takes some seconds.' : 'The machine goes down.',
  ])
}

export async function factoryReset(flow: Flow): Promise<void> {
  const { ui } = flow
  const title = 'Factory reset'
  const text = [
    'Everything that this appliance knows is erased: accounts, settings, keys, jobs, the history of runs, the log. What stands in AWS (images, snapshots, the bucket) and in vCenter stays, but the next run of every server is a full one.',
    `The machine restarts as it was deployed. To go on, type: ${resetWords}`,
  ]
  const values = await ui.form(title, text, {
    fields: [{ kind: 'text', name: 'words', label: 'Type it', value: '', maxLength: 40 }],
    check: ({ words }) => (words === resetWords ? undefined : { field: 'words', text: `Type exactly: ${resetWords}` }),
  })
  if (!values) return
  const { text: asked, question } = await withRuns(
    title,
    ' Everything is erased. There is no way back.',
    'Erase everything',
    flow,
  )
  if (!(await ui.confirm(title, asked, question))) return
  await ended(title, 'factory-reset', { verb: 'reset', confirm: resetWords }, flow)
  await ui.tell(title, ['The machine restarts and is erased.'])
}

/** What is asked before the machine goes down: the page refuses it while runs are under way, here they are named in the question. */
async function withRuns(title: string, text: string, act: string, { ui, parts }: Flow) {
  const servers = await ui.work(title, 'Looking for runs', runsUnderWay(parts))
  if (!servers)
    return {
      text: [text, '', ' The service does not answer: runs may be under way.'],
      question: `${act} all the same?`,
    }
  if (servers.length === 0) return { text: [text], question: `${act}?` }
  return { text: [text, '', ` ${runsInTheWay(servers)}`], question: `${act} although runs are under way?` }
}

/** Undefined: the service does not say. */
async function runsUnderWay(parts: ConsoleParts): Promise<string[] | undefined> {
  try {
    return Object(await service(parts, 'GET', '/api/machine', undefined, runsMs)).runsUnderWay
  } catch {
    return undefined // Who restarts a machine whose service is silent must not be held up by that.
  }
}

/** Told before: afterwards there is nobody left to tell. */
async function ended(
  title: string,
  act: 'restart-service' | 'restart-machine' | 'factory-reset',
  verb: Verb,
  flow: Flow,
) {
  const { ui, parts, acts } = flow
  await acts.tell({ act, outcome: 'asked' })
  try {
    await ui.work(title, 'Asking the machine', parts.machine.ask(verb))
  } catch (thrown) {
    await acts.tell({ act, outcome: 'failed', error: toApplianceError(thrown).code })
    throw thrown
  }
}
