// What the benchmarks share: running a command with its CPU time and memory, medians, the table and the JSON line.
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'

export interface BenchOptions {
  /** One JSON line on stdout instead of a table. */
  json: boolean
  /** How often each side runs; they alternate. */
  runs: number
  seed: number
  signal: AbortSignal
}

/** What every scenario returns; its figures are named as in the design: wallRatio, cpuRatio, sizeRatio, rssPeakBytes. */
export interface BenchResult {
  scenario: string
  /** True only if every stated target held. */
  ok: boolean
  /** What it was measured against. */
  peer: string
  seed: number
  runs: Record<string, unknown>[]
  [figure: string]: unknown
}

export interface Measured {
  wallSeconds: number
  /** User and system time of the command and of all that it started and waited for. */
  cpuSeconds: number
  rssPeakBytes: number
  stdout: string
}

/** Fails with the end of the command's stderr unless it exits with 0. */
export async function measureCommand(
  command: string,
  args: string[],
  options: { signal: AbortSignal; env?: NodeJS.ProcessEnv },
): Promise<Measured> {
  // bash's `time` counts waited-for children in milliseconds, and needs no package; its figures leave on descriptor 3.
  const script = 'TIMEFORMAT="%3R %3U %3S"; { time "$0" "$@" 2>&4; } 4>&2 2>&3'
  const child = spawn('bash', ['-c', script, command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: options.env ?? process.env,
    signal: options.signal,
  })
  const exited = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  const stopWatching = new AbortController()
  const rss = watchRss(child.pid ?? 0, stopWatching.signal)
  try {
    const [code, out, errors, times] = await Promise.all([
      exited,
      text(child.stdio[1] as Readable),
      text(child.stdio[2] as Readable),
      text(child.stdio[3] as Readable),
    ])
    if (code !== 0) throw new Error(`${command} exited with ${code}: ${errors.slice(-2000).trim()}`)
    const [wallSeconds = 0, user = 0, system = 0] = times.trim().split(/\s+/).map(Number)
    stopWatching.abort()
    return { wallSeconds, cpuSeconds: user + system, rssPeakBytes: await rss, stdout: out }
  } finally {
    stopWatching.abort()
  }
}

/** The largest VmHWM seen in a process's children: the kernel keeps the peak, so looking now and then misses only the very end. */
async function watchRss(parentPid: number, signal: AbortSignal): Promise<number> {
  let peak = 0
  while (!signal.aborted) {
    for (const pid of await childrenOf(parentPid)) peak = Math.max(peak, await peakRssBytes(pid))
    await delay(100, undefined, { signal }).catch(() => undefined)
  }
  return peak
}

async function childrenOf(pid: number): Promise<number[]> {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return list.trim().split(/\s+/).filter(Boolean).map(Number)
}

/** A process's peak resident memory, 0 once it is gone. */
export async function peakRssBytes(pid: number | 'self'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** Median over the paired runs of ours over the peer's, to three digits. */
export function medianRatio(pairs: { ours: number; peer: number }[]): number {
  return Math.round(median(pairs.map(({ ours, peer }) => ours / peer)) * 1000) / 1000
}

export function progress(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Columns padded to their widest cell; numbers to the right. */
export function formatTable(rows: Record<string, string | number>[]): string {
  const names = Object.keys(rows[0] ?? {})
  const widths = names.map(name => Math.max(name.length, ...rows.map(row => String(row[name] ?? '').length)))
  const line = (cells: (string | number)[]) =>
    cells
      .map((cell, at) =>
        typeof cell === 'number' ? String(cell).padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0),
      )
      .join('  ')
      .trimEnd()
  return [line(names), ...rows.map(row => line(names.map(name => row[name] ?? '')))].join('\n')
}
