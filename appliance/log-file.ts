// The log in files too, for the log bundle: a bounded number of bounded files in the data directory, newest by name last.
import { chmodSync, lstatSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type DestinationStream, multistream, pino } from 'pino'

/** 50 MiB in all: weeks of an appliance at work at level info, and days of one in trouble. */
const fileBytes = 10 * 2 ** 20
const filesKept = 5
/** What may wait in memory while the disk takes nothing; the rest is lost, as nobody may run out of memory for a log. */
const waitingBytes = 2 ** 20

export interface LogFileOptions {
  fileBytes?: number
  filesKept?: number
}

export interface LogFile extends DestinationStream {
  /** Waits for nothing: what was written is in the file. */
  close(): void
}

/** The directory of the log files of a data directory. */
export function logDirectory(dataDir: string): string {
  return join(dataDir, 'logs')
}

const fileName = /^hoist-(\d{6,})\.log$/

/** Paths of the log files, oldest first. */
export function logFiles(directory: string): string[] {
  try {
    const numbered = readdirSync(directory).flatMap(name => {
      const number = fileName.exec(name)?.[1]
      return number === undefined ? [] : [{ name, number: Number(number) }]
    })
    return numbered.toSorted((a, b) => a.number - b.number).map(({ name }) => join(directory, name))
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return []
    throw thrown
  }
}

/**
 * Opens the newest file and goes on in it. Lines are written at once, as the last ones before a crash matter most; a file
 * that is full is followed by one of the next number, and nothing is ever renamed, so that a reader's place stays.
 * What the disk does not take is lost without a word: the same line went to the console.
 */
export function openLogFile(dataDir: string, options: LogFileOptions = {}): LogFile {
  const directory = logDirectory(dataDir)
  const limit = options.fileBytes ?? fileBytes
  const kept = options.filesKept ?? filesKept
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const newest = logFiles(directory).at(-1)
  // A link that somebody has put there would make us write, and change the mode of, a file elsewhere.
  let path = newest !== undefined && lstatSync(newest).isFile() ? newest : pathOf(directory, numberOf(newest) + 1)
  const file = pino.destination({ dest: path, sync: true, append: true, mode: 0o600, maxLength: waitingBytes })
  // Of an older process whose umask or hands were others.
  chmodSync(path, 0o600)
  let bytes = statSync(path).size
  file.on('write', (written: number) => {
    bytes += written
  })
  file.on('error', () => undefined)
  return {
    write(line) {
      file.write(line)
      if (bytes < limit) return
      path = pathOf(directory, numberOf(path) + 1)
      bytes = 0
      file.reopen(path)
      for (const old of logFiles(directory).slice(0, -kept)) rmSync(old, { force: true })
    },
    close: () => file.end(),
  }
}

/** Where the process logs to: its console and its files. */
export function logDestination(dataDir: string, options: LogFileOptions = {}): DestinationStream {
  const streams = [pino.destination({ fd: 1, sync: true }), openLogFile(dataDir, options)]
  return multistream(streams.map(stream => ({ level: 'trace', stream })))
}

function numberOf(path: string | undefined): number {
  return Number(fileName.exec(basename(path ?? ''))?.[1] ?? 0)
}

function pathOf(directory: string, number: number): string {
  return join(directory, `hoist-${String(number).padStart(6, '0')}.log`)
}
