// ApplianceError and the one table of error codes: what went wrong, in words that stay the same.

/** HTTP status an error answers with when it reaches the API, and what it means. `docs/errors.md` is checked against this table. */
export const errorCodes = {
  // Input and state of the appliance
  INVALID_REQUEST: { statusCode: 400, meaning: 'The request does not have the documented form.' },
  UNAUTHORIZED: { statusCode: 401, meaning: 'The request has no valid session and no valid API token.' },
  FORBIDDEN: { statusCode: 403, meaning: 'The role of the account, or the kind of token, does not allow this.' },
  CSRF_REFUSED: { statusCode: 403, meaning: 'The request lacks the header that proves it comes from the own page.' },
  ORIGIN_REFUSED: { statusCode: 403, meaning: 'The request was sent by a page of another site.' },
  RATE_LIMITED: { statusCode: 429, meaning: 'Too many requests from this address.' },
  SIGN_IN_FAILED: { statusCode: 401, meaning: 'Name or password is wrong.' },
  SIGN_IN_LOCKED: { statusCode: 429, meaning: 'Too many failed sign-ins: the account or the address has to wait.' },
  PASSWORD_WRONG: { statusCode: 403, meaning: 'The present password is wrong.' },
  PASSWORD_WEAK: { statusCode: 422, meaning: 'The password does not keep the rules.' },
  SETUP_CODE_WRONG: { statusCode: 403, meaning: 'This is not the setup code of the console.' },
  ALREADY_CLAIMED: { statusCode: 409, meaning: 'The appliance has an administrator: its setup code is gone.' },
  ACCOUNT_EXISTS: { statusCode: 409, meaning: 'There is an account of that name.' },
  LAST_ADMINISTRATOR: { statusCode: 409, meaning: 'The appliance must keep one administrator.' },
  NOT_FOUND: { statusCode: 404, meaning: 'There is no such thing.' },
  NOT_CONFIGURED: { statusCode: 409, meaning: 'vCenter or AWS has not been set up yet.' },
  JOB_EXISTS: { statusCode: 409, meaning: 'The server already has a replication job.' },
  RUN_IN_PROGRESS: { statusCode: 409, meaning: 'A run of this job is under way.' },
  RUN_EXISTS: { statusCode: 409, meaning: 'This run was begun before: it is not begun twice.' },
  RUN_NOT_FAILED: {
    statusCode: 409,
    meaning: 'Only a run that failed, was cancelled or was missed can be tried again.',
  },
  RUN_CANCELLED: { statusCode: 409, meaning: 'The run was cancelled.' },
  RUN_ENDED: { statusCode: 409, meaning: 'The run has ended, and is not taken up again.' },
  RUN_MISSED: { statusCode: 409, meaning: 'The time of a planned run passed while it could not start.' },
  RUN_RESTARTED_TOO_OFTEN: {
    statusCode: 500,
    meaning: 'A run did not come to its end in many starts of the appliance.',
  },
  RUN_INTERRUPTED: { statusCode: 500, meaning: 'The appliance stopped while the run was under way.' },
  CONNECTOR_READ_ONLY: {
    statusCode: 409,
    meaning: 'The connector does nothing until an administrator has decided what this appliance is.',
  },
  NOTHING_TO_DECIDE: { statusCode: 409, meaning: 'The connector is not read-only: there is nothing to decide.' },
  LEFTOVER_NOT_ADOPTABLE: {
    statusCode: 409,
    meaning: 'This is no image that the connector has made and the database does not know.',
  },
  DATABASE_RESTORED: { statusCode: 500, meaning: 'The database is older than what the run has done.' },
  DISKS_CHANGED: { statusCode: 409, meaning: 'The disks of a server changed while a run began.' },
  NFC_MANIFEST_MISMATCH: { statusCode: 502, meaning: 'What arrived is not what the host says it sent.' },
  SERVER_REFUSED: { statusCode: 422, meaning: 'The server cannot be replicated as it is.' },
  // vCenter and its hosts
  VCENTER_UNREACHABLE: { statusCode: 502, meaning: 'vCenter cannot be reached, or did not answer in time.' },
  VCENTER_LOGIN_FAILED: { statusCode: 422, meaning: 'vCenter refuses the user name or the password.' },
  VCENTER_CERTIFICATE_CHANGED: { statusCode: 409, meaning: 'The certificate is not the one that was accepted.' },
  VCENTER_CERTIFICATE_REFUSED: {
    statusCode: 422,
    meaning: 'The certificate has expired, or is not valid for this host.',
  },
  VCENTER_SESSION_LOST: { statusCode: 502, meaning: 'vCenter ended the session in the middle of a piece of work.' },
  VCENTER_PERMISSION_MISSING: { statusCode: 403, meaning: 'The vCenter account lacks a privilege.' },
  VCENTER_PROTOCOL: { statusCode: 502, meaning: 'vCenter answered with something that is not its protocol.' },
  VCENTER_FAULT: { statusCode: 502, meaning: 'vCenter refused a request; the message holds its own words.' },
  SERVER_GONE: { statusCode: 410, meaning: 'The server is no longer in vCenter.' },
  SERVER_BUSY: { statusCode: 409, meaning: 'Another operation holds the server in vCenter.' },
  DATASTORE_FULL: { statusCode: 507, meaning: 'The datastore has no room for a snapshot.' },
  DATASTORE_LOW: {
    statusCode: 507,
    meaning: 'A datastore has less free space than the policy wants to be left while a snapshot is open.',
  },
  QUIESCE_FAILED: { statusCode: 502, meaning: 'The guest could not be brought to rest for the snapshot.' },
  SNAPSHOT_FAILED: { statusCode: 502, meaning: 'vCenter could not create or remove the snapshot.' },
  NFC_REFUSED: { statusCode: 502, meaning: 'The host refuses to export the disk.' },
  NFC_HOST_UNTRUSTED: { statusCode: 502, meaning: 'vCenter knows no certificate for the host that serves the disk.' },
  NFC_STALLED: { statusCode: 502, meaning: 'The host sent no byte of the disk for too long.' },
  NFC_INTERRUPTED: { statusCode: 502, meaning: 'The connection broke while a disk was read.' },
  NFC_LEASE_LOST: { statusCode: 502, meaning: 'vCenter ended the export lease.' },
  NFC_DISK_UNKNOWN: { statusCode: 502, meaning: 'An exported file cannot be matched with a disk of the server.' },
  CONFIG_INVALID: { statusCode: 500, meaning: 'An environment variable of the appliance has no valid value.' },
  STORE_UNAVAILABLE: { statusCode: 503, meaning: 'The database cannot be opened, read or written.' },
  STORE_LOCKED: { statusCode: 503, meaning: 'Another appliance process uses the same data directory.' },
  STORE_DAMAGED: {
    statusCode: 500,
    meaning: 'The database is damaged, or a row of it has not the form it was written in.',
  },
  STORE_NEWER: { statusCode: 500, meaning: 'The database was written by a newer version of the appliance.' },
  SECRET_UNREADABLE: {
    statusCode: 500,
    meaning: 'A stored secret cannot be decrypted with the key file of this data directory.',
  },
  EXPORT_UNKNOWN: { statusCode: 422, meaning: 'The file is no export of a backup that the appliance knows.' },
  EXPORT_PASSPHRASE_WRONG: { statusCode: 422, meaning: 'The passphrase does not open the exported backup.' },
  EXPORT_DAMAGED: { statusCode: 422, meaning: 'The exported backup was cut short or changed.' },
  PRIVATE_FILE_UNSAFE: { statusCode: 500, meaning: 'A file that holds a key is open to other users, or damaged.' },
  WEB_CERTIFICATE_REFUSED: { statusCode: 422, meaning: 'The certificate cannot be used for the web page.' },
  SCHEDULE_INVALID: { statusCode: 400, meaning: 'The schedule is not one that the appliance can keep.' },
  POLICY_INVALID: { statusCode: 400, meaning: 'The policy or bandwidth limit is not one that the appliance can keep.' },
  // AWS
  AWS_CREDENTIALS_INVALID: { statusCode: 422, meaning: 'AWS does not know the access key, or its secret is wrong.' },
  AWS_CREDENTIALS_EXPIRED: { statusCode: 422, meaning: 'The AWS session token has expired.' },
  AWS_CLOCK_SKEW: { statusCode: 422, meaning: "The appliance's clock differs too far from AWS's." },
  AWS_PERMISSION_MISSING: { statusCode: 422, meaning: "The connector's AWS policy lacks an action." },
  AWS_UNREACHABLE: { statusCode: 502, meaning: 'AWS could not be reached, or failed on its side.' },
  AWS_THROTTLED: { statusCode: 503, meaning: 'AWS limits the rate of requests of this account.' },
  AWS_QUOTA_EXCEEDED: { statusCode: 503, meaning: 'A quota of the AWS account is used up.' },
  AWS_REQUEST_REFUSED: { statusCode: 422, meaning: 'AWS refused a request as it stands.' },
  AWS_ENDPOINT_INSECURE: { statusCode: 400, meaning: 'An AWS endpoint is not https, and not on this machine.' },
  BUCKET_FOREIGN: { statusCode: 409, meaning: 'The bucket of that name belongs to another AWS account.' },
  BUCKET_MISSING: { statusCode: 409, meaning: "The connector's bucket does not exist." },
  BUCKET_WRONG_REGION: { statusCode: 409, meaning: "The connector's bucket is in another Region." },
  LEASE_TAKEN: { statusCode: 409, meaning: "Another machine has written the connector's lease." },
  LEASE_DAMAGED: { statusCode: 409, meaning: "The object that holds the connector's lease is none." },
  UPLOAD_FAILED: { statusCode: 502, meaning: 'What S3 holds is not what was sent.' },
  IMPORT_ROLE_MISSING: {
    statusCode: 422,
    meaning: 'The role that VM Import assumes does not exist or lacks permissions.',
  },
  IMPORT_ROLE_UNTRUSTED: {
    statusCode: 422,
    meaning: "The import role's trust policy does not let VM Import assume it.",
  },
  IMPORT_REFUSED: { statusCode: 422, meaning: 'VM Import gave up on a disk or server.' },
  EBS_SNAPSHOT_FAILED: { statusCode: 502, meaning: 'An EBS snapshot ended in error.' },
  IMAGE_FAILED: { statusCode: 502, meaning: 'An AMI ended in error.' },
  GUEST_UNSUPPORTED: { statusCode: 422, meaning: 'AWS cannot make an image of this guest the way it was asked to.' },
  KMS_KEY_UNUSABLE: { statusCode: 422, meaning: 'The KMS key cannot be used.' },
  // Notifications
  NOTIFICATION_ADDRESS_REFUSED: {
    statusCode: 400,
    meaning: 'Notifications may not be sent to this address.',
  },
  WEBHOOK_FAILED: { statusCode: 502, meaning: 'The receiver of a webhook did not take a notification.' },
  MAIL_FAILED: { statusCode: 502, meaning: 'The mail server did not take a notification.' },
  MAIL_PARTLY_REFUSED: { statusCode: 502, meaning: 'The mail server took a notification for some recipients only.' },
  // Bytes of a disk
  VMDK_TRUNCATED: { statusCode: 502, meaning: 'The stream of a disk ended early.' },
  VMDK_CORRUPT: { statusCode: 502, meaning: 'The stream of a disk contradicts itself.' },
  VMDK_CORRUPT_GRAIN: { statusCode: 502, meaning: 'A piece of a disk arrived damaged.' },
  VMDK_UNSUPPORTED: {
    statusCode: 502,
    meaning: 'The stream of a disk is no streamOptimized VMDK that the appliance knows.',
  },
  VMDK_SIZE_MISMATCH: { statusCode: 409, meaning: 'The stream is of a disk of another size.' },
  VMDK_TOO_LONG: { statusCode: 422, meaning: 'The disk holds more data than a VMDK stream can.' },
  DIGEST_CLOSED: { statusCode: 500, meaning: 'The check of a stream was given up before its end.' },
  DIGEST_FAILED: { statusCode: 500, meaning: 'The worker that checks streams failed.' },
  MANIFEST_DAMAGED: { statusCode: 500, meaning: 'A stored manifest is not as it was written.' },
  MANIFEST_SIZE_CHANGED: { statusCode: 409, meaning: 'Two manifests are of disks of different sizes.' },
  // Releases, and the machine under the appliance
  RELEASE_DAMAGED: { statusCode: 422, meaning: 'The file is no whole release bundle.' },
  RELEASE_UNTRUSTED: { statusCode: 422, meaning: 'No key that the appliance trusts has signed the release.' },
  RELEASE_FOREIGN: { statusCode: 422, meaning: 'The release is of another product.' },
  RELEASE_NOT_NEWER: { statusCode: 409, meaning: 'The release is not newer than the one that runs.' },
  RELEASE_STEP_MISSING: {
    statusCode: 409,
    meaning: 'The release wants a newer one than the one that runs to be installed first.',
  },
  RELEASE_BUSY: { statusCode: 409, meaning: 'A release bundle is being received or installed already.' },
  RELEASE_TOO_LARGE: { statusCode: 413, meaning: 'The file is larger than any release bundle.' },
  RELEASE_NO_ROOM: {
    statusCode: 507,
    meaning: 'There is no room: on the data disk for a release bundle, or on the system disk for what is in it.',
  },
  RELEASE_UNREADABLE: { statusCode: 503, meaning: 'A release bundle that was received cannot be read for now.' },
  RELEASE_INTERRUPTED: { statusCode: 502, meaning: 'A release bundle stopped coming before its end.' },
  RELEASE_UNREACHABLE: { statusCode: 502, meaning: 'The release bundle could not be fetched from its address.' },
  RELEASE_ADDRESS_REFUSED: { statusCode: 400, meaning: 'Release bundles are not fetched from this address.' },
  UPGRADE_IN_PROGRESS: { statusCode: 409, meaning: 'An upgrade is under way.' },
  UPGRADE_FAILED: { statusCode: 500, meaning: 'An upgrade could not be done.' },
  SERVICE_SILENT: { statusCode: 503, meaning: 'The service of the appliance does not answer its own console.' },
  SSH_KEY_MISSING: {
    statusCode: 409,
    meaning: 'SSH is not switched on: there is no public key that could sign in.',
  },
  RUNS_UNDER_WAY: { statusCode: 409, meaning: 'Runs are under way that a restart or a factory reset would cut off.' },
  MACHINE_UNAVAILABLE: { statusCode: 503, meaning: 'The helper that may change the machine does not answer.' },
  MACHINE_FAILED: { statusCode: 500, meaning: 'The machine could not be changed.' },
  DATA_DISK_UNUSABLE: { statusCode: 500, meaning: 'There is no data disk, or it cannot be told which disk it is.' },
  INTERNAL: { statusCode: 500, meaning: 'An error that has no name yet.' },
} as const satisfies Record<string, { statusCode: number; meaning: string }>

export type ErrorCode = keyof typeof errorCodes

export interface ApplianceErrorOptions {
  cause?: unknown
  /** Overrides the table's status. */
  statusCode?: number
  /** What the reader should do next. */
  hint: string
  /** From when on it may go well: the API's header Retry-After. */
  retryAfterSeconds?: number
}

/** An error with a stable code, a message that names the server, disk and offset, and a hint that says what to do. */
export class ApplianceError extends Error {
  override readonly name = 'ApplianceError'
  readonly code: ErrorCode
  readonly statusCode: number
  readonly hint: string
  readonly retryAfterSeconds: number | undefined

  constructor(code: ErrorCode, message: string, options: ApplianceErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.statusCode = options.statusCode ?? errorCodes[code].statusCode
    this.hint = options.hint
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** The file system's words for having no room, or not working. */
const storageFailures = ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO']

/**
 * Whatever was thrown, as an ApplianceError: one that already is stays itself, a file system that cannot write becomes
 * STORE_UNAVAILABLE, anything else INTERNAL.
 */
export function toApplianceError(thrown: unknown): ApplianceError {
  if (thrown instanceof ApplianceError) return thrown
  if (
    thrown instanceof Error &&
    'syscall' in thrown &&
    'code' in thrown &&
    storageFailures.includes(String(thrown.code))
  )
    return new ApplianceError('STORE_UNAVAILABLE', `The data directory cannot be written: ${thrown.message}`, {
      cause: thrown,
      hint: 'Look at the free space and the health of the file system of the data directory.',
    })
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new ApplianceError('INTERNAL', message, {
    cause: thrown,
    hint: 'Download the log bundle and report this: it should have had a name.',
  })
}
