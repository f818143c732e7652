// What people enter for a host: often the address that the browser shows.

/** `host[:port]` of it: without blanks around, scheme, path and trailing slash. What is no host stays one that is refused. */
export function plainHost(entered: string): string {
  return entered
    .trim()
    .replace(/^https?:\/\//i, '')
    .replace(/[/?#].*$/s, '')
}
