// What root does at every boot, before the network and the service: the data disk, a factory reset, the first boot, and who this machine is.
import { access, appendFile, chmod, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from './durable-file.ts'
import { ApplianceError, toApplianceError } from './errors.ts'
import { clearBootFailure, noteBootFailure, readBootFailure } from './machine/boot-failure.ts'
import { mountDataDisk } from './machine/data-disk.ts'
import { finishFactoryReset } from './machine/factory-reset.ts'
import { readFindings, writeFindings } from './machine/findings.ts'
import { firstBoot, laterBoot } from './machine/first-boot.ts'
import { settleKept } from './machine/kept-properties.ts'
import { machineFiles } from './machine/machine-files.ts'
import { type RunProgram, runProgram } from './machine/run-program.ts'
import { openSealedKey } from './machine/sealed-key.ts'
import { serviceUser } from './machine/service-user.ts'
import { ignoreMissing } from './missing-file.ts'

export interface BootOptions {
  /** `/`, or a directory of a test. */
  root: string
  run: RunProgram
  /** For the journal: one line, without secrets. */
  say(text: string): void
  now: Date
  /** For tests: how often a data disk is looked for. */
  looks?: number
}

const places = { data: 'var/lib/hoist', ssh: 'etc/ssh', run: 'run/hoist' } as const

/** @throws {ApplianceError} when the machine cannot be used; the service does not start then, and the console says why */
export async function boot(options: BootOptions, signal: AbortSignal): Promise<void> {
  try {
    await bringUp(options, signal)
  } catch (thrown) {
    await noteBootFailure(options.root, thrown)
    throw thrown
  }
  await clearBootFailure(options.root)
}

async function bringUp(options: BootOptions, signal: AbortSignal): Promise<void> {
  const { root, run, say, now } = options
  const files = machineFiles(root)
  const [dataDir, sshDir, runDir] = [join(root, places.data), join(root, places.ssh), join(root, places.run)]
  const ground = { ...options, files, dataDir, sshDir }

  await mkdir(dataDir, { recursive: true })
  await mountDataDisk({ ...ground, mountpoint: dataDir, tell: text => tell(options, text) }, signal)

  if (await finishFactoryReset(ground, signal)) say('factory reset done')

  // The root of the data disk. What lies in it is the service's: root makes no directory there, as links may wait for it.
  await run('/usr/bin/chown', ['hoist:hoist', dataDir], signal)
  await run('/usr/bin/chmod', ['0700', dataDir], signal)
  const makeUploads = [...asService, '/usr/bin/mkdir', '-p', '-m', '0700', join(dataDir, 'uploads')]
  await run('/usr/bin/setpriv', makeUploads, signal).catch((thrown: unknown) => {
    signal.throwIfAborted()
    // Whatever the service has put there: without uploads it runs.
    say(`no directory of uploads: ${toApplianceError(thrown).message}`)
  })

  const user = await serviceUser(root)
  const work = (await files.exists('firstBootDone')) ? laterBoot : firstBoot
  await work({ ...ground, user }, signal)
  // The setup code lies where the service takes it over by now. Of a boot that is cut off here, the next does it.
  await settleKept(files)

  // systemd calls a machine without a file after its distribution.
  if (!(await files.exists('hostname'))) await run('/usr/bin/hostname', ['hoist'], signal)

  await mkdir(runDir, { recursive: true })
  await chmod(runDir, 0o755)
  const tpm = await isThere(join(root, 'dev/tpmrm0'))
  const secrets = await openSealedKey({ run, tpm, dataDir, runDir, user, now, say }, signal)
  for (const { text } of secrets.findings) say(text)
  const known = await readFindings(files)
  // First what concerns every secret: where there is little room, the last are not shown.
  const findings = [...secrets.findings, ...known.filter(({ about }) => about !== 'secrets')]
  if (findings.length > 0 || known.length > 0) await writeFindings(files, findings)

  const environment = [
    ...(await machineIdOf(root)),
    ...(secrets.path === undefined ? [] : [`HOIST_SECRETS_KEY=${secrets.path}`]),
  ]
  await replaceFile(join(runDir, 'environment'), environment.map(line => `${line}\n`).join(''), 0o600)
}

/** The console begins when the first try has ended: until then its terminal is free, and after that it shows a note. */
async function tell({ root, say }: BootOptions, text: string): Promise<void> {
  say(text)
  if (await readBootFailure(root))
    await noteBootFailure(root, new ApplianceError('DATA_DISK_UNUSABLE', text, { hint: '' }))
  else await appendFile(join(root, 'dev/console'), `Hoist: ${text}\r\n`).catch(() => undefined) // The journal has it.
}

/** As checkMachineHelper: for an upgrade, before this release is relied on. @throws */
export async function checkBoot(root: string): Promise<void> {
  await serviceUser(root)
  await readFindings(machineFiles(root))
}

const asService = ['--reuid=hoist', '--regid=hoist', '--clear-groups', '--no-new-privs', '--inh-caps=-all', '--']

/** The UUID that the hypervisor gave, which only root may read; nothing where it has given none. */
async function machineIdOf(root: string): Promise<string[]> {
  const uuid = await readFile(join(root, 'sys/class/dmi/id/product_uuid'), 'utf8').catch(ignoreMissing)
  return uuid !== undefined && /^[0-9A-Fa-f-]{36}$/.test(uuid.trim()) ? [`HOIST_MACHINE_ID=${uuid.trim()}`] : []
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false, // For root there is no other reason than that it is not there.
  )
}

if (import.meta.main) {
  // Directories that are made here are read by the system's own users, too.
  process.umask(0o022)
  try {
    const say = (text: string) => process.stderr.write(`${text}\n`)
    if (process.argv[2] === '--check') await checkBoot('/')
    else await boot({ root: '/', run: runProgram, say, now: new Date() }, new AbortController().signal)
  } catch (thrown) {
    const { code, message, hint } = toApplianceError(thrown)
    process.stderr.write(`${code}: ${message} ${hint}\n`)
    process.exit(1)
  }
}
