// Runs a program of the machine: never through a shell, with no environment of ours, and not for ever.
import { execFile, spawn } from 'node:child_process'
import { basename } from 'node:path'
import { ApplianceError } from '../errors.ts'

/** Resolves with its standard output when it has ended well. */
export type RunProgram = (
  file: string,
  args: readonly string[],
  signal: AbortSignal,
  options?: RunOptions,
) => Promise<string>

export interface RunOptions {
  /**
   * Nothing of its standard output is wanted, and it may write as much as it likes: for a program that must not be ended in
   * the middle of what it writes to a disk.
   */
  unread?: true
}

const always = {
  env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
  killSignal: 'SIGKILL',
  cwd: '/',
} as const
/** More ends a program whose output is read. */
export const maxOutputBytes = 64 * 1024

/** @throws {ApplianceError} MACHINE_FAILED with the program's last words; the signal's reason */
export const runProgram: RunProgram = (file, args, signal, { unread } = {}) => {
  if (unread) return runUnread(file, args, signal)
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  execFile(file, [...args], { ...always, signal, maxBuffer: maxOutputBytes }, (error, stdout, stderr) => {
    if (!error) return resolve(stdout)
    reject(signal.aborted ? signal.reason : failed(file, error, stderr))
  })
  return promise
}

async function runUnread(file: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  const program = spawn(file, args, { ...always, signal, stdio: ['ignore', 'ignore', 'pipe'] })
  let words = ''
  program.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-maxOutputBytes)
  })
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  program.once('error', error => reject(signal.aborted ? signal.reason : failed(file, error, words)))
  program.once('close', (status, killedBy) => {
    if (status === 0) return resolve('')
    const ended = Object.assign(new Error(`ended with ${killedBy ?? `status ${status}`}`), { code: status ?? killedBy })
    reject(signal.aborted ? signal.reason : failed(file, ended, words))
  })
  return await promise
}

/** What a program ended with, out of what its run has thrown; undefined when it did not come to that. */
export function exitStatusOf(thrown: unknown): number | undefined {
  const code = codeOf(thrown)
  return typeof code === 'number' ? code : undefined
}

/** Whether there is no such program here. */
export function isMissingProgram(thrown: unknown): boolean {
  return codeOf(thrown) === 'ENOENT'
}

/** Whether it was ended because it wrote more than `maxOutputBytes`. */
export function hasTooMuchOutput(thrown: unknown): boolean {
  return codeOf(thrown) === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER'
}

/** Everything that a failed program has written to its standard error; empty when it did not come to that. */
export function standardErrorOf(thrown: unknown): string {
  const cause = thrown instanceof ApplianceError ? thrown.cause : undefined
  return cause instanceof Error && 'stderr' in cause && typeof cause.stderr === 'string' ? cause.stderr : ''
}

function codeOf(thrown: unknown): unknown {
  const cause = thrown instanceof ApplianceError ? thrown.cause : undefined
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}

function failed(file: string, cause: Error, stderr: string): ApplianceError {
  const words = stderr.trim().slice(-500) || cause.message.split('\n')[0]
  return new ApplianceError('MACHINE_FAILED', `${basename(file)} failed: ${words}`, {
    cause: Object.assign(cause, { stderr }),
    hint: 'Look at the journal on the console, or restart the machine.',
  })
}
