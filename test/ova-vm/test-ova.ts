// `npm run test-ova`: an OVA, built or given, read by programs of others and booted, each step a named result. Steps never throw.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { cacheDirectory } from '../lab/tools.ts'
import { readOptions } from '../read-options.ts'
import {
  biosPvscsi,
  bootWithFwCfg,
  bootWithIso,
  consoleOfGiven,
  propertiesGiven,
  type SharedBoot,
  uefiPvscsi,
  uefiVirtio,
} from './boot-steps.ts'
import { builtOva } from './build.ts'
import { content } from './content.ts'
import { type Unpacked, unpackOva } from './disks.ts'
import type { ConsoleAnswer } from './first-answer.ts'
import { lateDataDisk } from './late-disk.ts'
import { Life } from './life.ts'
import { readers, vcenterImport } from './read-ova.ts'
import { reproducible } from './reproducible.ts'
import { resultTable, runStep, type StepResult, sumUp } from './results.ts'
import { vtpm } from './vtpm.ts'

interface Ground {
  ova: string
  optionsPath: string
  unpacked: Unpacked
  withFwCfg: SharedBoot<ConsoleAnswer>
  withIso: SharedBoot
}

type Chain = Readonly<Record<string, (ground: Ground) => Promise<string>>>

/** Of a chain, each step goes on where the one before has ended, or is over in seconds. Chains may go side by side. */
const chains: readonly Chain[] = [
  {
    'uefi-virtio': ({ withFwCfg }) => uefiVirtio(withFwCfg),
    'properties-fw-cfg': async ({ withFwCfg }) => {
      await consoleOfGiven(withFwCfg)
      return await propertiesGiven(withFwCfg)
    },
  },
  {
    readers: ({ ova, unpacked }) => readers(ova, unpacked),
    'vcenter-import': ({ ova, optionsPath, unpacked }) => vcenterImport(ova, optionsPath, unpacked),
    content: ({ unpacked }) => content(unpacked),
    'uefi-pvscsi': ({ withIso }) => uefiPvscsi(withIso),
    'properties-iso': ({ withIso }) => propertiesGiven(withIso),
  },
  { 'bios-pvscsi-vmxnet3': ({ unpacked }) => biosPvscsi(unpacked) },
]

const fullChains: readonly Chain[] = [
  { vtpm: ({ unpacked }) => vtpm(unpacked) },
  { 'late-data-disk': ({ unpacked }) => lateDataDisk(unpacked) },
  { reproducible: ({ ova, unpacked }) => reproducible(ova, unpacked) },
]

/** One appliance's life; each step stands on the ones before. */
const lifeSteps: Readonly<Record<string, (life: Life) => Promise<string>>> = {
  wizard: life => life.wizard(),
  console: life => life.console(),
  inside: life => life.inside(),
  replication: life => life.replication(),
  'power-cut': life => life.powerCut(),
  'data-disk-kept': life => life.dataDiskKept(),
  upgrade: life => life.upgrade(),
  'broken-upgrade': life => life.brokenUpgrade(),
  'factory-reset': life => life.factoryReset(),
}

const namesOf = (of: readonly object[]) => of.flatMap(each => Object.keys(each))
const shortNames = namesOf(chains)
const fullNames = namesOf([...fullChains, lifeSteps])

/** Emulated, a machine keeps one core busy. */
const atOnce = 2

/** Seconds, of the steps without the build. */
const limits = { short: 600, full: 2400 }

const usage = `npm run test-ova [-- OPTIONS]

Builds the OVA of this tree, or takes the one in .cache if nothing has changed since; reads it with programs of others,
imports it into the lab's vCenter, and boots it in qemu.

  --ova FILE       this one instead; X.govc.json has to stand beside X.ova
  --full           what takes longer too: a TPM, a second build, and one appliance's life from the wizard to the factory reset
  --only STEP,...  these steps alone; what follows the wizard needs it
  --json           one JSON object as the last line of stdout instead of the table
  --keep           leave the disks and print where
  --help           this text

Steps: ${shortNames.join(', ')}
Of --full: ${fullNames.join(', ')}
`

const say = (text: string) => process.stderr.write(`test-ova: ${text}\n`)

async function main(): Promise<number> {
  const { values } = readOptions(usage, {
    options: {
      ova: { type: 'string' },
      full: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  const only = values.only.flatMap(text => text.split(','))
  const unknown = only.filter(name => !shortNames.includes(name) && !fullNames.includes(name))
  if (unknown.length > 0) {
    process.stderr.write(`No such step: ${unknown}\n\n${usage}`)
    return 2
  }
  const startedAtMs = performance.now()
  const results: StepResult[] = []
  const take = async (name: string, act: () => Promise<string>) => {
    say(name)
    const result = await runStep(name, act)
    results.push(result)
    say(`${name}: ${result.skipped ? 'skipped' : result.ok ? 'ok' : 'FAILED'}, ${result.seconds} s: ${result.detail}`)
    return result.ok
  }
  // On the disk that holds the guests: a /tmp in memory is too small.
  const parent = join(cacheDirectory, 'test-ova')
  await mkdir(parent, { recursive: true })
  const directory = await mkdtemp(join(parent, 'run-'))
  let ground: Omit<Ground, 'withFwCfg' | 'withIso'> | undefined
  const made = await take('build', async () => {
    const { ova, optionsPath, reused } = values.ova ? given(values.ova) : await builtOva()
    ground = { ova, optionsPath, unpacked: await unpackOva(ova, join(directory, 'ova')) }
    return `${ova}${reused ? ', which was there' : ''}`
  })
  if (made && ground) {
    await using withFwCfg = bootWithFwCfg(ground.unpacked)
    await using withIso = bootWithIso(ground.unpacked)
    const there: Ground = { ...ground, withFwCfg, withIso }
    const wanted = (name: string) => (only.length > 0 ? only.includes(name) : values.full || shortNames.includes(name))
    const ofLife = Object.entries(lifeSteps).filter(([name]) => wanted(name))
    const works = [
      // The longest first.
      ...(ofLife.length > 0 ? [() => liveThrough(there.unpacked, ofLife, take)] : []),
      ...[...chains, ...fullChains].map(chain => async () => {
        for (const [name, act] of Object.entries(chain)) if (wanted(name)) await take(name, () => act(there))
      }),
    ]
    const worker = async () => {
      for (let work = works.shift(); work !== undefined; work = works.shift())
        // What cannot clean up after itself is told, and keeps nothing else from being tried.
        await work().catch(error => take('end of a chain', () => Promise.reject(error)))
    }
    await Promise.all(Array.from({ length: atOnce }, worker))
  }
  if (values.keep) say(`kept: ${directory}`)
  else await rm(directory, { recursive: true })
  const limitSeconds = values.full ? limits.full : limits.short
  const summary = sumUp(results, (performance.now() - startedAtMs) / 1000, limitSeconds)
  process.stdout.write(values.json ? `${JSON.stringify(summary)}\n` : resultTable(summary))
  return summary.ok ? 0 : 1
}

/** What follows a step that has failed is not tried: it stands on it. */
async function liveThrough(
  unpacked: Unpacked,
  wanted: readonly (readonly [string, (life: Life) => Promise<string>])[],
  take: (name: string, act: () => Promise<string>) => Promise<boolean>,
): Promise<void> {
  let failed: string | undefined
  await using life = new Life(unpacked)
  for (const [name, act] of [['lab', begun] as const, ...wanted]) {
    const tried = async () => {
      if (failed !== undefined) throw new Error(`not tried, as ${failed} has failed`)
      return await act(life)
    }
    if (!(await take(name, tried))) failed ??= name
  }
}

const begun = (life: Life) => life.begin()

function given(path: string) {
  const ova = resolve(path)
  return { ova, optionsPath: ova.replace(/\.ova$/, '.govc.json'), reused: true }
}

if (import.meta.main) process.exitCode = await main()
