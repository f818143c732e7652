// The process's own settings, from environment variables. What users set in the browser lives in the store instead.
import { resolve } from 'node:path'
import Type, { type Static, type TSchema } from 'typebox'
import Value from 'typebox/value'
import { ApplianceError } from './errors.ts'

const schema = Type.Object({
  /** Absolute path. Database, keys, certificate and manifests live here. */
  dataDir: Type.String({ minLength: 1 }),
  /** Address to listen on. */
  host: Type.String({ minLength: 1 }),
  /** 0 lets the system choose. */
  port: Type.Integer({ minimum: 0, maximum: 65_535 }),
  /** Where plain HTTP is sent to https; 0: nowhere. */
  redirectPort: Type.Integer({ minimum: 0, maximum: 65_535 }),
  logLevel: Type.Union([
    Type.Literal('fatal'),
    Type.Literal('error'),
    Type.Literal('warn'),
    Type.Literal('info'),
    Type.Literal('debug'),
    Type.Literal('trace'),
    Type.Literal('silent'),
  ]),
  /** Between two looks at a task of vCenter or AWS, milliseconds. */
  pollMs: Type.Integer({ minimum: 10, maximum: 600_000 }),
  /** Between two looks for jobs that are due, milliseconds. */
  scheduleMs: Type.Integer({ minimum: 10, maximum: 600_000 }),
  /** First pause before a run that was held up goes on, milliseconds. */
  resumeMs: Type.Integer({ minimum: 10, maximum: 600_000 }),
  /** Longest time without a byte of a disk, milliseconds. */
  stallMs: Type.Integer({ minimum: 100, maximum: 600_000 }),
  /** Between two looks at the datastores of an open VM snapshot, milliseconds. */
  watchMs: Type.Integer({ minimum: 10, maximum: 600_000 }),
  /** Between two renewals of the connector's lease, milliseconds. */
  leaseMs: Type.Integer({ minimum: 100, maximum: 3_600_000 }),
  /** Between two searches for what nobody owns, milliseconds. */
  reapMs: Type.Integer({ minimum: 100, maximum: 86_400_000 }),
  /** Between two rounds of checks, milliseconds; 0: only when somebody asks. */
  healthMs: Type.Integer({ minimum: 0, maximum: 86_400_000 }),
  /** The machine's own identity: two machines never have the same. Empty: asked of the machine. */
  machineId: Type.String({ maxLength: 128 }),
  /** The file that says how far an upgrade of the appliance has come. Empty: there are none. */
  upgradeState: Type.String({ maxLength: 4096 }),
  /** The directory of public keys that releases are signed with. */
  releaseKeys: Type.String({ minLength: 1, maxLength: 4096 }),
  /** The file with the key of the secrets, which the machine has unsealed. Empty: the data directory holds it. */
  secretsKey: Type.String({ maxLength: 4096 }),
  /** The socket of the root helper. Empty: there is none, and the machine is changed by hand. */
  machineSocket: Type.String({ maxLength: 100 }),
})

export type Config = Readonly<Static<typeof schema>>

interface Variable {
  field: keyof Config
  fallback: string
  /** What is expected, for the error's hint. */
  expects: string
}

/** Every variable, with its default. */
export const configVariables: Readonly<Record<string, Variable>> = {
  HOIST_DATA_DIR: { field: 'dataDir', fallback: './data', expects: 'a directory' },
  // Loopback, so that `npm start` on a desk exposes nothing. The appliance image sets `::`, which serves IPv4 as well.
  HOIST_HOST: { field: 'host', fallback: '127.0.0.1', expects: 'an address to listen on' },
  HOIST_PORT: { field: 'port', fallback: '8443', expects: 'a port, 0 to 65535' },
  HOIST_REDIRECT_PORT: { field: 'redirectPort', fallback: '0', expects: 'a port, or 0 for none' },
  HOIST_LOG_LEVEL: { field: 'logLevel', fallback: 'info', expects: 'fatal, error, warn, info, debug, trace or silent' },
  // Import tasks take minutes and EC2 throttles Describe calls: 15 s is what AWS's own waiters use.
  HOIST_POLL_MS: { field: 'pollMs', fallback: '15000', expects: 'milliseconds, 10 to 600000' },
  // Schedules have whole hours; a start that is half a minute late surprises nobody.
  HOIST_SCHEDULE_MS: { field: 'scheduleMs', fallback: '30000', expects: 'milliseconds, 10 to 600000' },
  // Doubled each time up to 16 times as much: a restart of vCenter takes some ten minutes.
  HOIST_RESUME_MS: { field: 'resumeMs', fallback: '30000', expects: 'milliseconds, 10 to 600000' },
  HOIST_STALL_MS: { field: 'stallMs', fallback: '120000', expects: 'milliseconds, 100 to 600000' },
  // A datastore that fills up halts production: a minute is what a fast writer needs for a few GiB.
  HOIST_WATCH_MS: { field: 'watchMs', fallback: '60000', expects: 'milliseconds, 10 to 600000' },
  HOIST_LEASE_MS: { field: 'leaseMs', fallback: '300000', expects: 'milliseconds, 100 to 3600000' },
  HOIST_REAP_MS: { field: 'reapMs', fallback: '3600000', expects: 'milliseconds, 100 to 86400000' },
  HOIST_HEALTH_MS: { field: 'healthMs', fallback: '600000', expects: 'milliseconds, 0 to 86400000' },
  // The appliance image sets it from the VM's own UUID, which only root may read.
  HOIST_MACHINE_ID: { field: 'machineId', fallback: '', expects: 'at most 128 characters' },
  // The appliance image sets it: a release on trial starts no run.
  HOIST_UPGRADE_STATE: { field: 'upgradeState', fallback: '', expects: 'the path of a file' },
  // Only root may write there. Where there is no such directory, no release is trusted.
  HOIST_RELEASE_KEYS: { field: 'releaseKeys', fallback: '/etc/hoist/release-keys', expects: 'the path of a directory' },
  // With a vTPM, root unseals the key to a file in memory at each boot.
  HOIST_SECRETS_KEY: { field: 'secretsKey', fallback: '', expects: 'the path of a file' },
  // Longer ones are none that a socket can have: unix(7).
  HOIST_MACHINE_SOCKET: { field: 'machineSocket', fallback: '', expects: 'the path of a socket' },
}

/**
 * The configuration out of an environment.
 * @throws {ApplianceError} CONFIG_INVALID, naming the variable; unknown HOIST_* variables are refused, as they are slips
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  for (const name of Object.keys(env))
    if (name.startsWith('HOIST_') && !Object.hasOwn(configVariables, name))
      throw new ApplianceError('CONFIG_INVALID', `There is no variable ${name}.`, {
        hint: `The variables are ${Object.keys(configVariables).join(', ')}.`,
      })
  const config: Record<string, string | number> = {}
  for (const [name, variable] of Object.entries(configVariables)) {
    // An empty variable is one that a shell or a unit file could not leave out.
    const text = env[name] || variable.fallback
    const field: TSchema = schema.properties[variable.field]
    const value = 'type' in field && field.type === 'integer' ? integer(text) : text
    if (!Value.Check(field, value))
      throw new ApplianceError('CONFIG_INVALID', `${name} is "${text}".`, { hint: `Set it to ${variable.expects}.` })
    config[variable.field] = value
  }
  config.dataDir = resolve(String(config.dataDir))
  return Value.Parse(schema, config)
}

/** Strictly decimal: Number() would take "" and "0x10" too. */
function integer(text: string): number {
  return /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
}
