// The lab's config file: its schema (documented in README.md) and its check.

import { readFile } from 'node:fs/promises'
import Type, { type Static } from 'typebox'
import { Value } from 'typebox/value'
import type { PolicyDocument } from './aws/iam-policy.ts'

const closed = { additionalProperties: false }
const name = Type.String({ minLength: 1 })
const bytes = Type.Integer({ minimum: 0 })
const positive = Type.Integer({ minimum: 1 })

const oddDisk = {
  mode: Type.Optional(
    Type.Enum(['persistent', 'nonpersistent', 'independent_persistent', 'independent_nonpersistent']),
  ),
  rdm: Type.Optional(Type.Enum(['physical', 'virtual'])),
  sharing: Type.Optional(Type.Enum(['none', 'multiWriter', 'physicalBus'])),
  encrypted: Type.Optional(Type.Boolean()),
  datastore: Type.Optional(name),
  thick: Type.Optional(Type.Boolean()),
}

const fileDisk = Type.Object({ label: Type.Optional(name), file: name, ...oddDisk }, closed)

const generatedDisk = Type.Object(
  {
    label: Type.Optional(name),
    sizeBytes: Type.Integer({ minimum: 512, multipleOf: 512 }),
    seed: Type.Optional(Type.Integer()),
    fill: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    kind: Type.Optional(Type.Enum(['data', 'noise', 'zero', 'ends'])),
    ...oddDisk,
  },
  closed,
)

const vm = Type.Object(
  {
    name,
    guestId: Type.Optional(name),
    firmware: Type.Optional(Type.Enum(['bios', 'efi'])),
    secureBoot: Type.Optional(Type.Boolean()),
    vTpm: Type.Optional(Type.Boolean()),
    hardwareVersion: Type.Optional(Type.Integer({ minimum: 3, maximum: 22 })),
    powerState: Type.Optional(Type.Enum(['poweredOn', 'poweredOff', 'suspended'])),
    memoryMiB: Type.Optional(positive),
    cpus: Type.Optional(positive),
    datastore: Type.Optional(name),
    host: Type.Optional(name),
    nics: Type.Optional(
      Type.Array(
        Type.Object(
          { mac: Type.Optional(name), addresses: Type.Optional(Type.Array(name)), network: Type.Optional(name) },
          closed,
        ),
      ),
    ),
    changeTracking: Type.Optional(Type.Boolean()),
    snapshots: Type.Optional(Type.Array(name)),
    iso: Type.Optional(name),
    encrypted: Type.Optional(Type.Boolean()),
    folder: Type.Optional(name),
    annotation: Type.Optional(Type.String()),
    tools: Type.Optional(name),
    template: Type.Optional(Type.Boolean()),
    faultTolerance: Type.Optional(Type.Boolean()),
    disks: Type.Optional(Type.Array(Type.Union([fileDisk, generatedDisk]))),
  },
  closed,
)

const account = { username: Type.Optional(name), password: Type.Optional(name) }
const connectorAccount = { ...account, privileges: Type.Optional(Type.Array(name)) }

const policy = Type.Unsafe<PolicyDocument>(
  Type.Object({ Version: Type.Optional(Type.String()), Statement: Type.Unknown() }, closed),
)

const aws = Type.Object(
  {
    region: Type.Optional(name),
    accountId: Type.Optional(Type.String({ pattern: '^[0-9]{12}$' })),
    connectorPolicy: Type.Optional(policy),
    vmimportRole: Type.Optional(Type.Boolean()),
    encryptionByDefault: Type.Optional(Type.Boolean()),
    quotas: Type.Optional(
      Type.Partial(
        Type.Object(
          {
            importSnapshotTasks: positive,
            importImageTasks: positive,
            pendingSnapshots: positive,
            putSnapshotBlockPerSecond: positive,
            startCompletePerSecond: positive,
          },
          closed,
        ),
      ),
    ),
    timing: Type.Optional(
      Type.Partial(
        Type.Object(
          { stepMs: bytes, settleMs: bytes, completeMs: bytes, pageTokenMs: bytes, blockTokenMs: bytes },
          closed,
        ),
      ),
    ),
  },
  closed,
)

export const labConfigSchema = Type.Object(
  {
    seed: Type.Optional(Type.Integer()),
    datastores: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name,
            type: Type.Enum(['VMFS', 'NFS', 'vsan']),
            capacityBytes: Type.Optional(bytes),
            freeBytes: Type.Optional(bytes),
          },
          closed,
        ),
        { minItems: 1 },
      ),
    ),
    hosts: Type.Optional(
      Type.Array(Type.Object({ name, datastores: Type.Optional(Type.Array(name)) }, closed), { minItems: 1 }),
    ),
    vms: Type.Optional(Type.Array(vm)),
    generatedVms: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000 })),
    denyPrivileges: Type.Optional(Type.Record(Type.String(), Type.Array(name))),
    nfc: Type.Optional(
      Type.Object(
        {
          pinEncoding: Type.Optional(Type.Boolean()),
          hostUrls: Type.Optional(Type.Boolean()),
          cacheDir: Type.Optional(name),
        },
        closed,
      ),
    ),
    changedAreasPerPage: Type.Optional(positive),
    leaseTimeoutSeconds: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
    sessionTimeoutSeconds: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
    maxSessions: Type.Optional(positive),
    accounts: Type.Optional(
      Type.Object(
        {
          admin: Type.Optional(Type.Object(account, closed)),
          connector: Type.Optional(Type.Object(connectorAccount, closed)),
        },
        closed,
      ),
    ),
    aws: Type.Optional(aws),
  },
  closed,
)

export type LabConfig = Static<typeof labConfigSchema>
export type LabVm = Static<typeof vm>
export type FileDisk = Static<typeof fileDisk>
export type GeneratedDisk = Static<typeof generatedDisk>

/** What is wrong with a config file: one line per mistake, each with its place. */
export class LabConfigError extends Error {}

/** @throws LabConfigError naming every mistake. */
export function checkLabConfig(config: unknown): LabConfig {
  const mistakes = Value.Check(labConfigSchema, config)
    ? contradictions(config)
    : Value.Errors(labConfigSchema, config).map(error => `${error.instancePath || '/'} ${error.message}`)
  if (mistakes.length > 0) throw new LabConfigError([...new Set(mistakes)].join('\n'))
  return config as LabConfig
}

/** What a schema cannot say: names that point nowhere, or twice. */
function contradictions(config: LabConfig): string[] {
  const mistakes: string[] = []
  const datastores = new Set(config.datastores?.map(({ name }) => name))
  const hosts = new Set(config.hosts?.map(({ name }) => name))
  const seen = new Set<string>()
  const known = (place: string, what: string, value: string | undefined, names: Set<string>, defined: boolean) => {
    if (value !== undefined && defined && !names.has(value))
      mistakes.push(`${place} names no ${what} of this file: ${value}`)
  }
  config.hosts?.forEach((host, index) => {
    for (const datastore of host.datastores ?? []) {
      known(`/hosts/${index}/datastores`, 'datastore', datastore, datastores, config.datastores !== undefined)
    }
  })
  config.vms?.forEach((vm, index) => {
    if (seen.has(vm.name)) mistakes.push(`/vms/${index}/name is there twice: ${vm.name}`)
    seen.add(vm.name)
    known(`/vms/${index}/datastore`, 'datastore', vm.datastore, datastores, config.datastores !== undefined)
    known(`/vms/${index}/host`, 'host', vm.host, hosts, config.hosts !== undefined)
    vm.disks?.forEach((disk, number) => {
      const place = `/vms/${index}/disks/${number}/datastore`
      known(place, 'datastore', disk.datastore, datastores, config.datastores !== undefined)
    })
  })
  return mistakes
}

/** @throws LabConfigError when the file is no JSON or no config. */
export async function readLabConfig(path: string): Promise<LabConfig> {
  const text = await readFile(path, 'utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new LabConfigError(`${path} is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  return checkLabConfig(value)
}
