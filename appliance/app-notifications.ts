// Who is told of what, wired for the composition root: the outbox with its postman, the hourly look, and what runs have to tell.
import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { Job, Policy, ReadOnlyReason, Run } from './domain.ts'
import { deliverer } from './notify/deliver.ts'
import { Dispatcher } from './notify/dispatcher.ts'
import {
  connectorReadOnly,
  credentialsExpired,
  type FailedUpgrade,
  occasionsOfRun,
  upgradeFailed,
} from './notify/occasions.ts'
import { notificationService } from './notify/service.ts'
import { knownCertificates, Watch } from './notify/watch.ts'
import type { Connections } from './setup/connections.ts'
import { ensureConnector } from './setup/registration.ts'
import { channelSecret } from './store/secrets.ts'
import type { Store } from './store/store.ts'
import { findMarkedSnapshots } from './vsphere/marked-snapshots.ts'

export interface NotificationParts {
  store: Store
  connections: Connections
  policy: () => Policy
  /** PEM of the certificate that the page is served with. */
  webCertificatePem: () => string
  now: () => Date
  log: Logger
}

export function composeNotifications({ store, connections, policy, webCertificatePem, now, log }: NotificationParts) {
  const { secrets, channels } = store
  const deliver = deliverer({
    aws: () => connections.aws(),
    secret: channelId => secrets.get(channelSecret(channelId)),
    now,
  })
  const dispatcher = new Dispatcher({ outbox: store.notifications, deliver, now, log })
  const watch = new Watch({
    readers: {
      async openSnapshots(signal) {
        if (!(await store.settings.getVcenter())) return []
        const { id: connectorId } = await ensureConnector(store.settings)
        const found = await findMarkedSnapshots(await connections.vcenter(), { connectorId, signal })
        return found.map(({ snapshotMoref, createdAt, serverName, runId }) => ({
          ...{ moref: snapshotMoref, openedAt: createdAt, serverName, runId },
        }))
      },
      async certificates() {
        const vcenter = await store.settings.getVcenter()
        return knownCertificates({ ...(vcenter ? { vcenter } : {}), web: { name: 'Hoist', pem: webCertificatePem() } })
      },
      // As far as it was entered; that credentials have ended is told when AWS says so, too.
      async credentials() {
        const { accessKeyId, sessionExpiresAt: expiresAt } = (await store.settings.getAws()) ?? {}
        return accessKeyId !== undefined && expiresAt !== undefined ? [{ accessKeyId, expiresAt }] : []
      },
      snapshotAgeHours: async () => policy().snapshotAgeHours,
    },
    post: notification => dispatcher.post(notification),
    now,
    log,
  })
  return {
    service: notificationService({
      channels,
      secrets: {
        get: channelId => secrets.get(channelSecret(channelId)),
        set: (channelId, secret) => secrets.set(channelSecret(channelId), secret),
        delete: channelId => secrets.delete(channelSecret(channelId)),
      },
      history: page => store.notifications.list(page),
      deliver,
      now,
      newId: randomUUID,
    }),
    start() {
      dispatcher.start()
      watch.start()
    },
    stop: async () => {
      await Promise.all([dispatcher.stop(), watch.stop()])
    },
    /** Tells of the end of a run, with the job before and after it was counted. */
    async runEnded(run: Run, job: Job, before: Job): Promise<void> {
      const { items: successes } = await store.runs.list({ jobId: job.id, state: 'succeeded', limit: 2 })
      const succeededBefore = successes.some(({ id }) => id !== run.id)
      for (const notification of occasionsOfRun({
        run,
        job,
        failuresBefore: before.failuresInARow,
        succeededBefore,
        pausedBefore: before.state === 'paused',
      })) {
        await dispatcher.post(notification)
      }
    },
    /** Tells that nothing goes on until somebody decides, and of nothing else that waits: the other machine may tell of that. */
    async readOnly(reason: ReadOnlyReason): Promise<void> {
      await dispatcher.post(connectorReadOnly(await ensureConnector(store.settings), reason, now()))
      dispatcher.start('connectorReadOnly')
    },
    /** Tells that a release was not kept: once, however often it is asked. */
    async upgradeFailed(outcome: FailedUpgrade): Promise<void> {
      await dispatcher.post(upgradeFailed(outcome))
    },
    /** Tells that AWS does not take the credentials any more. */
    async credentialsExpired(): Promise<void> {
      const aws = await store.settings.getAws()
      if (aws) await dispatcher.post(credentialsExpired(aws, now()))
    },
  }
}
