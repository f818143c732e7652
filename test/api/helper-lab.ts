// The real root helper on a machine in a directory: its socket answers, its files are written, its programs are written down.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { places, startMachineHelper } from '../../appliance/machine-helper.ts'

export interface HelperLab {
  socket: string
  /** Each with its arguments, in one line. */
  ran: string[]
  /** What the next programs do instead of ending well. */
  programs: { run: (words: string, signal: AbortSignal) => Promise<string> }
  file(path: string): string | undefined
  put(path: string, content: string): void
  close(): Promise<void>
}

export async function startHelperLab(): Promise<HelperLab> {
  const root = mkdtempSync(join(tmpdir(), 'hoist-machine-'))
  const at = (path: string) => join(root, path)
  for (const place of [`${places.top}/releases/1.0.0`, places.keys, places.uploads])
    mkdirSync(at(place), { recursive: true })
  for (const link of ['current', 'proven']) symlinkSync('releases/1.0.0', at(`${places.top}/${link}`))
  const ran: string[] = []
  const programs = { run: async (_words: string, _signal: AbortSignal) => '' }
  const server = await startMachineHelper({
    root,
    async run(file, args, signal) {
      const words = [file, ...args].join(' ')
      ran.push(words)
      return await programs.run(words, signal)
    },
    ask: async () => true,
    say: () => undefined,
    onStuck: () => undefined,
  })
  return {
    socket: at(places.socket),
    ran,
    programs,
    file: path => (existsSync(at(path)) ? readFileSync(at(path), 'utf8') : undefined),
    put(path, content) {
      mkdirSync(dirname(at(path)), { recursive: true })
      writeFileSync(at(path), content)
    },
    async close() {
      await server.close()
      rmSync(root, { recursive: true, force: true })
    },
  }
}
