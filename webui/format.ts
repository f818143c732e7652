// Numbers and times in words: bytes, rates, durations, moments with their zone.

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `84 GiB`, `1.5 MiB`: three digits at most. */
export function bytes(count: number): string {
  let value = count
  let unit = 0
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 99.95 || Number.isInteger(value) ? 0 : 1
  return `${value.toFixed(digits)} ${units[unit]}`
}

export const rate = (bytesPerSecond: number): string => `${bytes(bytesPerSecond)}/s`

/** `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const parts: [number, string][] = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor((whole % 86_400) / 3600), 'h'],
    [Math.floor((whole % 3600) / 60), 'min'],
    [whole % 60, 's'],
  ]
  const first = parts.findIndex(([value]) => value > 0)
  if (first === -1) return '0 s'
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(' ')
}

/** Of 100, rounded down: nothing is at 100 before it is done. */
export function percent(done: number, total: number): number {
  if (total <= 0) return 0
  return Math.max(0, Math.min(100, Math.floor((done / total) * 100)))
}

export const count = (value: number): string => value.toLocaleString('en')

const shapes = new Map<string, Intl.DateTimeFormat>()

/** `21 Nov 2026, 06:52 UTC`: in the browser's zone unless another is given. */
export function moment(iso: string, { zone, seconds = false }: { zone?: string; seconds?: boolean } = {}): string {
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return iso
  const key = `${zone} ${seconds}`
  let shape = shapes.get(key)
  if (!shape) {
    shape = new Intl.DateTimeFormat('en-GB', {
      day: 'numeric',
      month: 'short',
      year: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      ...(seconds ? { second: '2-digit' } : {}),
      timeZoneName: 'short',
      hourCycle: 'h23',
      ...(zone === undefined ? {} : { timeZone: zone }),
    })
    shapes.set(key, shape)
  }
  return shape.format(at)
}

/** Seconds between two moments; up to now without the second. */
export function secondsBetween(from: string, to?: string): number {
  return ((to === undefined ? Date.now() : Date.parse(to)) - Date.parse(from)) / 1000
}
