// Versions of releases: three numbers, the first of which weighs most.

export const versionPattern = '^(0|[1-9][0-9]{0,5})\\.(0|[1-9][0-9]{0,5})\\.(0|[1-9][0-9]{0,5})$'

/** Negative when `a` is older than `b`, positive when it is newer, 0 when they are the same. */
export function compareVersions(a: string, b: string): number {
  const left = numbersOf(a)
  const right = numbersOf(b)
  for (const [place, number] of left.entries()) {
    const difference = number - (right[place] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function numbersOf(version: string): number[] {
  if (!new RegExp(versionPattern).test(version)) throw new RangeError(`"${version}" is no version`)
  return version.split('.').map(Number)
}
