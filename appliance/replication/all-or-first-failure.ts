// Work on several disks at once, in which one failure ends all.

/** Waits for all, so that nothing goes on behind a failure's back; the first failure aborts the rest and is the one thrown. */
export async function allOrFirstFailure(work: Promise<void>[], failed: AbortController): Promise<void> {
  const failures: unknown[] = []
  await Promise.all(
    work.map(one =>
      one.catch(error => {
        failures.push(error)
        failed.abort(error)
      }),
    ),
  )
  if (failures.length > 0) throw failures[0]
}
