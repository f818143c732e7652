// The manifest of a release bundle: what is in it, byte for byte. Only what is signed is ever read.
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { ApplianceError } from '../errors.ts'
import { versionPattern } from './version.ts'

/** What an appliance takes a release of. A bundle of another product may be signed by the same key. */
export const product = 'hoist'

/** Names at the top of an unpacked release that are the bundle's own. */
export const manifestName = 'manifest.json'
export const signatureName = 'manifest.sig'
export const archiveName = 'release.tar.gz'

/** A release is the runtime (110 MB), the service and its packages (40 MB in 3,000 files). Several times that is no release. */
export const releaseLimits = {
  manifestBytes: 4 * 2 ** 20,
  files: 20_000,
  archiveBytes: 512 * 2 ** 20,
  unpackedBytes: 2 ** 30,
} as const

const strict = { additionalProperties: false } as const
const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' })
const Version = Type.String({ pattern: versionPattern })

const schema = Type.Object(
  {
    format: Type.Literal(1),
    product: Type.String({ minLength: 1, maxLength: 64 }),
    version: Version,
    /** The oldest release that may go to this one in one step. */
    minimumVersion: Version,
    releasedAt: Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$' }),
    archive: Type.Object(
      { sizeBytes: Type.Integer({ minimum: 1, maximum: releaseLimits.archiveBytes }), sha256: Sha256 },
      strict,
    ),
    /** In the archive's order. */
    files: Type.Array(
      Type.Object(
        {
          path: Type.String({ minLength: 1, maxLength: 255 }),
          sizeBytes: Type.Integer({ minimum: 0, maximum: releaseLimits.unpackedBytes }),
          sha256: Sha256,
          executable: Type.Boolean(),
        },
        strict,
      ),
      { minItems: 1, maxItems: releaseLimits.files },
    ),
  },
  strict,
)

export type ReleaseManifest = Static<typeof schema>
export type ReleaseFile = ReleaseManifest['files'][number]

/**
 * A manifest out of bytes whose signature has been verified.
 * @throws {ApplianceError} RELEASE_DAMAGED when it is none, or lists what no release may hold
 */
export function parseManifest(bytes: Buffer): ReleaseManifest {
  const manifest = jsonOf(bytes)
  if (!Value.Check(schema, manifest)) throw damaged('its manifest has not the documented form')
  const flaw = filesFlaw(manifest.files)
  if (flaw !== undefined) throw damaged(flaw)
  if (Number.isNaN(Date.parse(manifest.releasedAt))) throw damaged('its date is none')
  return manifest
}

export function damaged(why: string, cause?: unknown): ApplianceError {
  return new ApplianceError('RELEASE_DAMAGED', `The release bundle cannot be used: ${why}.`, {
    cause,
    hint: 'Download it again, and compare its SHA-256 with the published one.',
  })
}

/** What is wrong with a list of files, as the end of a sentence; undefined when nothing is. */
export function filesFlaw(files: readonly Pick<ReleaseFile, 'path' | 'sizeBytes'>[]): string | undefined {
  const seen = new Set<string>([manifestName, signatureName])
  let total = 0
  for (const { path, sizeBytes } of files) {
    if (!isPlainPath(path)) return `it lists the path ${JSON.stringify(path)}`
    if (seen.has(path)) return `it lists ${path} twice`
    seen.add(path)
    total += sizeBytes
  }
  if (total > releaseLimits.unpackedBytes) return `it unpacks to ${total} bytes`
  // A file where another one wants a folder.
  const inside = files.find(({ path }) => parentsOf(path).some(parent => seen.has(parent)))
  return inside && `it lists ${inside.path} inside a file`
}

/** Relative, of printable ASCII, without a step that leads elsewhere. */
function isPlainPath(path: string): boolean {
  return (
    /^[\x20-\x5b\x5d-\x7e]+$/.test(path) && path.split('/').every(step => step !== '' && step !== '.' && step !== '..')
  )
}

function parentsOf(path: string): string[] {
  const steps = path.split('/')
  return steps.slice(1).map((_, index) => steps.slice(0, index + 1).join('/'))
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw damaged('its manifest is no JSON', cause)
  }
}
