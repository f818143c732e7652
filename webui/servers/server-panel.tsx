// One server in full: what stands in the way, hardware, disks, networks.
import type { Finding, JobView, ServerView } from '../contract.ts'
import { bytes, moment } from '../format.ts'
import { t } from '../locale/en.ts'
import { Facts, SidePanel } from '../ui/layout-parts.tsx'
import { State } from '../ui/state.tsx'

const words = t.servers.panel

export function ServerPanel({
  server,
  job,
  onClose,
}: {
  server: ServerView
  job: JobView | undefined
  onClose: () => void
}) {
  const tracking = !server.changeTrackingSupported
    ? words.trackingNone
    : server.changeTrackingEnabled
      ? words.trackingOn
      : words.trackingOff
  return (
    <SidePanel title={server.name} onClose={onClose}>
      <section class="stack">
        <h3>{words.findings}</h3>
        {server.findings.length === 0 ? <State kind="success" word={words.ready} /> : <Findings of={server.findings} />}
        {job && <a href={`/jobs?job=${job.id}`}>{words.goToJob}</a>}
      </section>
      <section class="stack">
        <h3>{words.disks}</h3>
        <ul>
          {server.disks.map(disk => (
            <li key={disk.key}>
              {disk.label}: {bytes(disk.sizeBytes)}, {disk.thin ? words.thin : words.thick}, {disk.datastore}
            </li>
          ))}
        </ul>
      </section>
      <section class="stack">
        <h3>{words.hardware}</h3>
        <Facts
          of={[
            [t.servers.columns.guest, server.guestName],
            [t.servers.columns.power, t.power[server.powerState]],
            [words.cpus, server.cpus],
            [words.memory, bytes(server.memoryMiB * 1024 * 1024)],
            [words.firmware, server.firmware === 'efi' ? 'UEFI' : 'BIOS'],
            [words.secureBoot, server.secureBoot ? t.yes : t.no],
            [words.tools, toolsWord(server.toolsStatus)],
            [words.tracking, tracking],
            [words.host, server.hostName],
            [words.path, server.path],
            [words.id, <code key="id">{server.id}</code>],
          ]}
        />
      </section>
      {server.nics.length > 0 && (
        <section class="stack">
          <h3>{words.networks}</h3>
          <ul>
            {server.nics.map(nic => (
              <li key={nic.key}>{[nic.network, nic.mac, ...nic.addresses].join(', ')}</li>
            ))}
          </ul>
        </section>
      )}
      {server.snapshots.length > 0 && (
        <section class="stack">
          <h3>{words.snapshots}</h3>
          <ul>
            {server.snapshots.map(snapshot => (
              <li key={snapshot.moref}>
                {snapshot.name}, {moment(snapshot.createdAt)}
              </li>
            ))}
          </ul>
        </section>
      )}
    </SidePanel>
  )
}

/** vSphere's `guest.toolsRunningStatus`, in words; one that is not known stands as it is. */
function toolsWord(status: string): string {
  return (words.toolsStates as Record<string, string>)[status] ?? status
}

/** The server's words go on from a name; here they stand alone. */
function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** Each with its reason and what to do. */
export function Findings({ of }: { of: readonly Finding[] }) {
  return (
    <ul class="stack" style={{ listStyle: 'none', padding: 0 }}>
      {of.map(finding => (
        <li
          key={`${finding.code} ${finding.diskKey}`}
          class={`problem ${finding.severity === 'refusal' ? '' : 'warning'}`}
        >
          <State kind={finding.severity === 'refusal' ? 'error' : 'warning'} word={sentence(finding.message)} />
          <div>{finding.hint}</div>
          <div class="muted">
            {t.code} <code>{finding.code}</code>
          </div>
        </li>
      ))}
    </ul>
  )
}
