// The connector's lease as an object in its bucket, which is only ever written on the condition that nobody else has:
// of two machines that take themselves for one connector, one notices.
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { ApplianceError } from '../errors.ts'
import { awsCode, awsStatus } from './aws-errors.ts'
import type { AwsClients } from './clients.ts'
import { leaseKey } from './permissions.ts'
import { pause } from './retry.ts'

/** Who acts as the connector, as of `renewedAt`. */
export interface Lease {
  version: 1
  connectorId: string
  /** vCenter's instance UUID of the appliance's VM, or what stands for it. */
  machineId: string
  /** Counts the takings of the lease: each process that begins, and each administrator's decision. */
  epoch: number
  /** `Connector.mark` of the database behind it. */
  mark: number
  /** Random, new with each renewal: only the database that it was written from knows it. */
  nonce: string
  /** ISO 8601. */
  renewedAt: string
  /** The appliance's name, for people. */
  host?: string
}

export interface LeaseInput {
  clients: AwsClients
  bucket: string
  accountId: string
  signal?: AbortSignal | undefined
}

/** A lease is 300 bytes: what is larger is none, and is not read in. */
const longestBytes = 16 * 1024

/**
 * The lease that stands; undefined if there is none.
 * @throws ApplianceError LEASE_DAMAGED if the object is not a lease of this version.
 */
export async function readLease(input: LeaseInput): Promise<{ lease: Lease; etag: string } | undefined> {
  const found = await readText(input)
  return found === undefined ? undefined : { lease: parseLease(found.text), etag: found.etag }
}

/**
 * Writes the lease in place of the one with `etag`; without, where none is.
 * @returns the ETag of what was written, for the next time.
 * @throws ApplianceError LEASE_TAKEN if another lease stands there by now, or the one with `etag` is gone.
 */
export async function writeLease(input: LeaseInput & { lease: Lease; etag?: string | undefined }): Promise<string> {
  const { clients, bucket, accountId, lease, etag, signal } = input
  const text = JSON.stringify(lease)
  const command = new PutObjectCommand({
    Bucket: bucket,
    Key: leaseKey,
    ExpectedBucketOwner: accountId,
    Body: text,
    ContentType: 'application/json',
    ...(etag === undefined ? { IfNoneMatch: '*' } : { IfMatch: etag }),
  })
  for (let attempt = 1; ; attempt++) {
    try {
      const { ETag: written } = await clients.call('s3:PutObject', sdk => clients.s3.send(command, sdk), { signal })
      if (written !== undefined) return written
    } catch (thrown) {
      if (!isRefusedByCondition(thrown, etag)) throw thrown
      const found = await readText(input)
      // An attempt whose answer was lost is refused by what it wrote itself.
      if (found?.text === text) return found.etag
      // S3 refuses a write that meets another of the same key, be it our own lost one; asked again it decides.
      const undecided = awsStatus(thrown) === 409 && found?.etag === etag
      if (!undecided || attempt >= conflictAttempts) throw leaseTaken(bucket, found?.text, thrown)
      await pause(Math.random() * 500 * attempt, signal)
    }
  }
}

const conflictAttempts = 5

/** 412: the condition does not hold; 409: another write is under way; 404: what should be replaced is not there. */
function isRefusedByCondition(thrown: unknown, etag: string | undefined): boolean {
  const status = awsStatus(thrown)
  return status === 412 || status === 409 || (etag !== undefined && awsCode(thrown) === 'NoSuchKey')
}

async function readText({ clients, bucket, accountId, signal }: LeaseInput) {
  const command = new GetObjectCommand({ Bucket: bucket, Key: leaseKey, ExpectedBucketOwner: accountId })
  try {
    return await clients.call(
      's3:GetObject',
      async sdk => {
        const { Body: body, ETag: etag, ContentLength: sizeBytes = 0 } = await clients.s3.send(command, sdk)
        if (sizeBytes > longestBytes) await body?.transformToWebStream().cancel()
        if (sizeBytes > longestBytes || etag === undefined) throw damaged(`it has ${sizeBytes} bytes`)
        return { text: (await body?.transformToString()) ?? '', etag }
      },
      { signal },
    )
  } catch (thrown) {
    if (awsCode(thrown) === 'NoSuchKey') return undefined
    throw thrown
  }
}

function parseLease(text: string): Lease {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch (thrown) {
    throw damaged('it is no JSON', thrown)
  }
  if (typeof found !== 'object' || found === null) throw damaged('it is no object')
  const { version, connectorId, machineId, epoch, mark, nonce, renewedAt, host } = found as Record<string, unknown>
  if (version !== 1) throw damaged(`its version is ${JSON.stringify(version)}`)
  if (!isText(connectorId)) throw damaged('it has no connectorId')
  if (!isText(machineId)) throw damaged('it has no machineId')
  if (!isCount(epoch)) throw damaged('its epoch is no count')
  if (!isCount(mark)) throw damaged('its mark is no count')
  if (!isText(nonce)) throw damaged('it has no nonce')
  if (!isText(renewedAt) || Number.isNaN(Date.parse(renewedAt))) throw damaged('its renewedAt is no time')
  if (host !== undefined && !isText(host)) throw damaged('its host is no name')
  return { version, connectorId, machineId, epoch, mark, nonce, renewedAt, ...(host === undefined ? {} : { host }) }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function damaged(what: string, cause?: unknown): ApplianceError {
  return new ApplianceError('LEASE_DAMAGED', `${leaseKey} in the connector's bucket is no lease: ${what}.`, {
    cause,
    hint: 'If no newer appliance uses this bucket, delete the object: the connector writes it anew.',
  })
}

function leaseTaken(bucket: string, found: string | undefined, cause: unknown): ApplianceError {
  const what = found === undefined ? 'is gone' : 'was written by another'
  return new ApplianceError('LEASE_TAKEN', `The connector's lease in ${bucket} ${what}.`, {
    cause,
    hint: 'Look whether a copy of this appliance runs, and decide under Support which of them is the connector.',
  })
}
