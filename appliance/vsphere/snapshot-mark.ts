// How a VM snapshot says whose it is: its name and its description, written and read in this one place.

/** Of which run a VM snapshot is. None of the ids holds white space or a comma. */
export interface SnapshotOwner {
  connectorId: string
  jobId: string
  runId: string
}

/** Name of a run's VM snapshot: what recovery looks for. Unique to the run, well below vCenter's 80 characters. */
export function vmSnapshotName(runId: string): string {
  return `hoist-${runId}`
}

/** What a run's VM snapshot is called, and what it says to people who find it in vCenter. */
export function snapshotMark({ connectorId, jobId, runId }: SnapshotOwner): { name: string; description: string } {
  return { name: vmSnapshotName(runId), description: `Hoist connector ${connectorId}, job ${jobId}, run ${runId}` }
}

/**
 * Whose a description says that the snapshot is; absent unless it is, from its first to its last character, one that
 * `snapshotMark` wrote. A text that somebody added to is no longer ours to judge.
 */
export function parseSnapshotMark(description: string): SnapshotOwner | undefined {
  const found = /^Hoist connector ([^\s,]+), job ([^\s,]+), run ([^\s,]+)$/.exec(description)
  if (!found) return undefined
  const [, connectorId = '', jobId = '', runId = ''] = found
  return { connectorId, jobId, runId }
}
