// Each disk's way through a run: bytes, rate, time left, import, snapshot.
import type { RunView } from '../contract.ts'
import { bytes, duration, rate } from '../format.ts'
import { t } from '../locale/en.ts'
import { Progress } from '../ui/progress.tsx'
import { State } from '../ui/state.tsx'
import { waitsFor } from './run-progress.ts'

type Disk = RunView['disks'][number]

export function RunDisks({ run }: { run: RunView }) {
  return (
    <ul class="stack loose" style={{ listStyle: 'none', padding: 0 }}>
      {run.disks.map(disk => (
        <li key={disk.key} class="stack">
          <div>
            <strong>{disk.label}</strong>, {bytes(disk.sizeBytes)}
          </div>
          <Progress
            label={`${disk.label}: ${t.runs.read(bytes(disk.readBytes), bytes(disk.sizeBytes))}`}
            {...(waitsFor(run) === undefined ? { done: disk.readBytes, total: disk.sizeBytes } : {})}
            words={progressWords(run, disk)}
          />
          <DiskOutcome disk={disk} ended={run.endedAt !== undefined} />
        </li>
      ))}
    </ul>
  )
}

export function progressWords(run: RunView, disk: Disk): (string | undefined)[] {
  const waiting = waitsFor(run)
  if (waiting !== undefined) return [waiting]
  const reading = run.state === 'uploading' && disk.readBytes < disk.sizeBytes
  return [
    t.runs.read(bytes(disk.readBytes), bytes(disk.sizeBytes)),
    t.runs.uploaded(bytes(disk.uploadedBytes)),
    reading && disk.bytesPerSecond !== undefined ? rate(disk.bytesPerSecond) : undefined,
    reading && disk.secondsLeft !== undefined ? t.runs.left(duration(disk.secondsLeft)) : undefined,
    disk.transferMs === undefined || reading ? undefined : t.runs.took(duration(disk.transferMs / 1000)),
  ]
}

function DiskOutcome({ disk, ended }: { disk: Disk; ended: boolean }) {
  if (disk.snapshotId !== undefined) {
    return (
      <div>
        {t.runs.diskSnapshot} <code>{disk.snapshotId}</code>
      </div>
    )
  }
  if (disk.importTaskId === undefined) return null
  const status = disk.importStatus ?? disk.importTaskId
  return ended ? (
    <State kind="stopped" word={t.runs.diskNotImported(status)} />
  ) : (
    <State kind="inProgress" word={t.runs.diskImporting(status)} />
  )
}
