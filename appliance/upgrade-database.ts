// A process for one step of the database in an upgrade: `node appliance/upgrade-database.ts STEP DATA_DIR`, as the service's user.
import { ApplianceError, toApplianceError } from './errors.ts'
import { dropKeptDatabase, keepDatabase, restoreDatabase, tryMigration } from './upgrade/database-copy.ts'

const steps: Readonly<Record<string, (dataDir: string) => Promise<void>>> = {
  keep: keepDatabase,
  'try-migration': tryMigration,
  restore: restoreDatabase,
  'drop-kept': dropKeptDatabase,
}

export type DatabaseStep = 'keep' | 'try-migration' | 'restore' | 'drop-kept'

/** @throws {ApplianceError} INVALID_REQUEST for a step that is none, STORE_* */
export async function upgradeDatabase(args: readonly string[]): Promise<void> {
  const [step = '', dataDir, ...others] = args
  if (!Object.hasOwn(steps, step) || dataDir === undefined || others.length > 0)
    throw new ApplianceError('INVALID_REQUEST', 'This is no step of an upgrade.', {
      hint: `Usage: node appliance/upgrade-database.ts ${Object.keys(steps).join('|')} DATA_DIR`,
    })
  await steps[step]?.(dataDir)
}

if (import.meta.main) {
  try {
    await upgradeDatabase(process.argv.slice(2))
  } catch (thrown) {
    // The helper shows this to the administrator.
    const { message, hint } = toApplianceError(thrown)
    process.stderr.write(`${message} ${hint}\n`)
    process.exitCode = 1
  }
}
