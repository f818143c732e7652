// Builds the page when it is older than its sources, so that `npm start` always serves what the sources say.
import { globSync, statSync } from 'node:fs'
import { join } from 'node:path'

const built = join(import.meta.dirname, 'dist', 'index.html')

/** When a file was changed, milliseconds; 0 when there is none. */
const changedMs = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

/** Whether a source is newer than what was built of it. */
export function isStale(): boolean {
  const builtMs = changedMs(built)
  if (builtMs === 0) return true
  const sources = globSync(['**/*.{ts,tsx,css,html,svg}', '../docs/*.md', '../package-lock.json'], {
    cwd: import.meta.dirname,
    exclude: path => path === 'dist',
  })
  return sources.some(path => changedMs(join(import.meta.dirname, path)) > builtMs)
}

/** The appliance image has the built page and no bundler: there is nothing to be done then. */
async function buildWhenStale(): Promise<void> {
  if (!isStale()) return
  process.stderr.write('Building the page\n')
  const { build } = await import('vite')
  await build({ configFile: join(import.meta.dirname, 'vite.config.ts'), logLevel: 'warn' })
}

if (import.meta.main) await buildWhenStale()
