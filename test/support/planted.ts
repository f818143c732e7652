// Secrets that a test has planted, and the search for them in whatever the appliance gives away.
import { randomBytes } from 'node:crypto'

export interface Planted {
  /** A new secret for this place, of letters and digits, long enough to be found nowhere by chance. */
  plant(place: string): string
  /** One that was made elsewhere. */
  add(place: string, secret: string): string
  /** `place in where`, for each planted secret that stands there in any encoding. */
  search(where: string, bytes: string | Uint8Array): string[]
  places(): string[]
}

export function planted(): Planted {
  const secrets = new Map<string, { place: string; forms: Buffer[] }>()
  const add = (place: string, secret: string) => {
    if (secret.length < 12) throw new Error(`The secret of ${place} is too short to be searched for`)
    secrets.set(secret, { place, forms: formsOf(secret) })
    return secret
  }
  return {
    add,
    plant: place => add(place, `Canary${randomBytes(12).toString('hex')}Z9`),
    search(where, given) {
      const bytes = Buffer.from(given)
      return [...secrets.values()].flatMap(({ place, forms }) =>
        forms.some(form => bytes.includes(form)) ? [`${place} in ${where}`] : [],
      )
    },
    places: () => [...secrets.values()].map(({ place }) => place),
  }
}

/** As it is, in a URL, in hex, in UTF-16, and in base64 wherever it begins in a group of three. */
function formsOf(secret: string): Buffer[] {
  const bytes = Buffer.from(secret)
  const base64 = [0, 1, 2].map(shift => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '')
    // The first and last characters depend on what stands around it.
    return text.slice(shift === 0 ? 0 : shift + 1, -1)
  })
  const texts = [secret, encodeURIComponent(secret), bytes.toString('hex'), ...base64]
  const urlSafe = base64.map(text => text.replaceAll('+', '-').replaceAll('/', '_'))
  return [...[...texts, ...urlSafe].map(text => Buffer.from(text)), Buffer.from(secret, 'utf16le')]
}
