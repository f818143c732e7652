// What the demo shows: live lines while disks move, a table at the end.
import type { RunView } from '../../appliance/api/schemas/runs.ts'
import type { ServerProof } from './verify.ts'

const mib = 1024 * 1024

export function mebibytes(bytes: number): string {
  return `${(bytes / mib).toFixed(bytes < 100 * mib ? 1 : 0)} MiB`
}

/** Lines for a run's state: one for the run, one per disk while it uploads or converts. */
export function runLines(run: RunView): string[] {
  const lines = [`${run.serverName}: ${run.state}${run.imageStatus ? ` (${run.imageStatus})` : ''}`]
  if (run.failure) lines.push(`  ${run.failure.code}: ${run.failure.message} ${run.failure.hint}`)
  for (const disk of run.disks) {
    if (run.state === 'uploading') {
      const percent = ((100 * disk.readBytes) / Math.max(1, disk.sizeBytes)).toFixed(0).padStart(3)
      const rate = disk.bytesPerSecond ? `${mebibytes(disk.bytesPerSecond)}/s` : ''
      const left = disk.secondsLeft === undefined ? '' : `${disk.secondsLeft} s left`
      lines.push(
        `  ${disk.label}: ${percent} %, sent ${mebibytes(disk.uploadedBytes)} of disk ${mebibytes(disk.sizeBytes)} ${rate} ${left}`,
      )
    }
    if (run.state === 'converting') lines.push(`  ${disk.label}: ${disk.importStatus ?? 'waiting'}`)
  }
  return lines.map(line => line.trimEnd())
}

/** Prints changes of runs, each run at most once a second unless its state changes. */
export function progressPrinter(write: (text: string) => void): (run: RunView) => void {
  const last = new Map<string, { state: string; atMs: number; text: string }>()
  return run => {
    const before = last.get(run.id)
    const nowMs = performance.now()
    if (before && before.state === run.state && nowMs - before.atMs < 1000) return
    const text = runLines(run).join('\n')
    if (before?.text === text) return
    last.set(run.id, { state: run.state, atMs: nowMs, text })
    write(`${text}\n`)
  }
}

/** Rows as columns of equal width. */
export function table(header: string[], rows: string[][]): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map(row => row[column]?.length ?? 0)))
  const line = (cells: string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [line(header), line(widths.map(width => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

/** The table of the demo. Hashes are shortened: whole ones are in --json. */
export function proofTable(servers: ServerProof[]): string {
  const rows = servers.flatMap(server =>
    server.disks.map(disk => [
      server.server,
      disk.disk,
      mebibytes(disk.sizeBytes),
      mebibytes(disk.readBytes),
      mebibytes(disk.uploadedBytes),
      disk.objectGone ? 'gone' : 'LEFT',
      disk.snapshotId,
      `${disk.imageId} ${server.imageMethod}`,
      disk.sourceSha256.slice(0, 12),
      disk.snapshotSha256.slice(0, 12),
      disk.equal ? 'yes' : 'NO',
      disk.seconds.toFixed(1),
    ]),
  )
  const header = [
    'server',
    'disk',
    'size',
    'read',
    'uploaded',
    'object',
    'EBS snapshot',
    'AMI',
    'SHA-256 source',
    'SHA-256 EBS',
    'equal',
    's',
  ]
  return table(header, rows)
}
