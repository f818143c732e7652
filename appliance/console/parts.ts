// What the console works with: handed in by its entry, and by tests.
import type { Readable } from 'node:stream'
import type { LocalAnswer } from '../local-api.ts'
import type { MachineClient } from '../machine/client.ts'

export interface ConsoleParts {
  version: string
  /** `/`, or a directory of a test. */
  root: string
  dataDir: string
  /** The service's. */
  port: number
  machine: MachineClient
  /** Asks the service; rejects when nobody answers. */
  api(method: string, path: string, options: { body?: object; signal: AbortSignal }): Promise<LocalAnswer>
  /** As `api`, for what is long. */
  open(path: string, signal: AbortSignal): Promise<{ status: number; content: Readable }>
  /** What a program of the machine writes. Rejects when it fails or takes too long. */
  run(file: string, args: readonly string[]): Promise<string>
  /** Paths of the service's log, oldest first. */
  logFiles(): string[]
  /** @throws {ApplianceError} as resetPassword */
  resetPassword(name: string, password: string): Promise<string>
  /** For the journal: one line, without secrets. */
  say(text: string): void
  /** A clock that never goes back, milliseconds. */
  nowMs: () => number
}
