// Runs that a restart or a factory reset would cut off, in a sentence: for whoever asks by the API, and for the console.

/** As many are named. */
const named = 5

/** @param servers of the runs, in the order of their beginning; one at least */
export function runsInTheWay(servers: readonly string[]): string {
  const first = servers.slice(0, named).join(', ')
  const more = servers.length > named ? ` and ${servers.length - named} more` : ''
  return `${servers.length === 1 ? 'A run is' : `${servers.length} runs are`} under way: ${first}${more}.`
}
