// Files that need not be there.

/** For `catch`: a file or directory that is not there is no error, and gives nothing. @throws whatever else it is given */
export function ignoreMissing(thrown: unknown): undefined {
  if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined
  throw thrown
}
