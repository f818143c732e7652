// Notifications and channels that the tests of notify/ share.
import type { Notification, NotificationChannel, NotificationTarget } from '../../appliance/domain.ts'

export const sample: Notification = {
  event: 'runFailed',
  id: 'runFailed:r1',
  at: '2026-11-21T06:00:00.000Z',
  title: 'web01: replication failed (DATASTORE_FULL)',
  text: 'The replication of the server "web01" failed.\n\nWhat to do: free space.\n.\n..dots at the start, and größer 💾',
  details: { server: 'web01', runId: 'r1' },
}

export function channelTo(target: NotificationTarget, more: Partial<NotificationChannel> = {}): NotificationChannel {
  return {
    id: `channel-${target.kind}`,
    name: target.kind,
    enabled: true,
    events: ['runFailed', 'recovered'],
    target,
    createdAt: '2026-11-21T05:00:00.000Z',
    ...more,
  }
}
