// Databases as earlier versions of the appliance left them: literal rows, not written with today's code.
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { migrations } from '../../appliance/store/migrate.ts'

/** By schema: the rows that this version had, in the shapes that it wrote. */
const rows: Readonly<Record<number, string>> = {
  1: `
    INSERT INTO settings VALUES
      ('connector', '{"id":"0a1b2c3d4e5f","bucket":"hoist-0a1b2c3d4e5f","bucketRegion":"eu-central-1","awsAccountId":"123456789012","vcenterInstanceUuid":"5f6b8f1e-0000-4000-8000-000000000001"}'),
      ('vcenter', '{"host":"vc.example","username":"hoist@vsphere.local","trust":{"kind":"pinned","certificatePem":"-----BEGIN CERTIFICATE-----"}}'),
      ('aws', '{"region":"eu-central-1","accessKeyId":"AKIDEXAMPLE","endpoints":{"s3":"https://s3.example"},"importRoleName":"vmimport"}');

    -- "an old password" under a key of 32 times 7, bound to its name.
    INSERT INTO secrets VALUES ('vcenter.password', x'090909090909090909090909',
      x'05ba8d17a155ce4ddf257a3814dec05e', x'46eba4fbd294e111c111b84f8998c7');

    INSERT INTO catalog_imports VALUES (1, 1772323200000, 1772323260000, 1);
    INSERT INTO servers VALUES ('50000000-0000-4000-8000-000000000001', 1, 'web01', 'web01
/dc/vm/web01', '{"id":"50000000-0000-4000-8000-000000000001","moref":"vm-1","name":"web01","path":"/dc/vm/web01","guestId":"debian12_64Guest","guestName":"Debian 12","firmware":"bios","secureBoot":false,"vTpm":false,"hardwareVersion":19,"cpus":2,"memoryMiB":4096,"powerState":"poweredOn","toolsStatus":"guestToolsRunning","hostMoref":"host-1","hostName":"esx-1","isTemplate":false,"faultTolerant":false,"encrypted":false,"changeTrackingSupported":true,"changeTrackingEnabled":false,"isoPaths":[],"disks":[],"nics":[],"snapshots":[]}');

    INSERT INTO jobs VALUES
      ('job-a', '50000000-0000-4000-8000-000000000001', 'active', 1772323200000, 1772344800000, '{"id":"job-a","serverId":"50000000-0000-4000-8000-000000000001","serverName":"web01","schedule":{"startAt":"2026-03-01T00:00:00.000Z","everyHours":6},"settings":{"licence":"auto","imageMethod":"registered","encrypted":true,"kmsKeyId":"alias/hoist","retention":7,"tags":{"team":"web"}},"state":"active","createdAt":"2026-03-01T00:00:00.000Z","nextRunAt":"2026-03-01T06:00:00.000Z"}'),
      ('job-b', '50000000-0000-4000-8000-000000000002', 'ended', 1772323201000, NULL, '{"id":"job-b","serverId":"50000000-0000-4000-8000-000000000002","serverName":"db01 – Straße","schedule":{"startAt":"2026-03-01T00:00:01.000Z"},"settings":{"licence":"byol","imageMethod":"converted","encrypted":false,"retention":1,"tags":{}},"state":"ended","createdAt":"2026-03-01T00:00:01.000Z"}');

    INSERT INTO runs VALUES
      ('run-1', 'job-a', 0, 1772323200000, '{"id":"run-1","jobId":"job-a","serverId":"50000000-0000-4000-8000-000000000001","serverName":"web01","state":"succeeded","createdAt":"2026-03-01T00:00:00.000Z","startedAt":"2026-03-01T00:00:01.000Z","endedAt":"2026-03-01T00:30:00.000Z","retries":{"S3 SlowDown":2},"imageId":"ami-0123456789abcdef0","imageStatus":"available","imageSnapshotIds":["snap-0123456789abcdef0"],"warnings":[]}'),
      ('run-2', 'job-b', 0, 1772323201000, '{"id":"run-2","jobId":"job-b","serverId":"50000000-0000-4000-8000-000000000002","serverName":"db01 – Straße","state":"failed","createdAt":"2026-03-01T00:00:01.000Z","endedAt":"2026-03-01T00:00:05.000Z","retries":{},"imageSnapshotIds":[],"warnings":[{"severity":"warning","code":"ISO_ATTACHED","message":"m","hint":"h"}],"failure":{"code":"SERVER_BUSY","message":"m","hint":"h","stage":"scheduled"}}'),
      ('run-3', 'job-a', 1, 1772344800000, '{"id":"run-3","jobId":"job-a","serverId":"50000000-0000-4000-8000-000000000001","serverName":"web01","state":"uploading","createdAt":"2026-03-01T06:00:00.000Z","startedAt":"2026-03-01T06:00:01.000Z","vmSnapshotMoref":"snapshot-7","retries":{},"imageSnapshotIds":[],"warnings":[]}');
    INSERT INTO run_disks VALUES
      ('run-1', 2001, 1, '{"key":2001,"label":"Hard disk 2","sizeBytes":2147483648,"readBytes":2147483648,"uploadedBytes":1000,"transferMs":12.5,"bucket":"hoist-0a1b2c3d4e5f","objectKey":"runs/run-1/2001.vmdk","objectDeleted":true,"importTaskId":"import-snap-1","snapshotId":"snap-0123456789abcdef1","manifestPath":"manifests/run-1/2001"}'),
      ('run-1', 2000, 0, '{"key":2000,"label":"Hard disk 1","sizeBytes":9007199254740991,"readBytes":1,"uploadedBytes":1,"objectDeleted":true,"snapshotId":"snap-0123456789abcdef0"}'),
      ('run-3', 2000, 0, '{"key":2000,"label":"Hard disk 1","sizeBytes":2147483648,"readBytes":1048576,"uploadedBytes":0,"bucket":"hoist-0a1b2c3d4e5f","objectKey":"runs/run-3/2000.vmdk","objectDeleted":false}');
  `,
  2: `
    INSERT INTO settings (name, document) VALUES
      ('connector', '{"id":"0a1b2c3d4e5f","bucket":"hoist-0a1b2c3d4e5f","bucketRegion":"eu-central-1","awsAccountId":"123456789012","vcenterInstanceUuid":"5f6b8f1e-0000-4000-8000-000000000001","mark":0,"generation":"0011223344556677"}'),
      ('vcenter', '{"host":"vc.example","username":"hoist@vsphere.local","trust":{"kind":"pinned","certificatePem":"-----BEGIN CERTIFICATE-----"}}'),
      ('aws', '{"region":"eu-central-1","accessKeyId":"AKIDEXAMPLE","endpoints":{"s3":"https://s3.example"},"importRoleName":"vmimport"}');
    INSERT INTO secrets (name, nonce, tag, ciphertext) VALUES
      ('vcenter.password', x'090909090909090909090909', x'05ba8d17a155ce4ddf257a3814dec05e', x'46eba4fbd294e111c111b84f8998c7');
    INSERT INTO catalog_imports (generation, started_at, finished_at, servers) VALUES
      (1, 1772323200000, 1772323260000, 1);
    INSERT INTO servers (id, generation, sort_name, search_text, document) VALUES
      ('50000000-0000-4000-8000-000000000001', 1, 'web01', 'web01
/dc/vm/web01', '{"id":"50000000-0000-4000-8000-000000000001","moref":"vm-1","name":"web01","path":"/dc/vm/web01","guestId":"debian12_64Guest","guestName":"Debian 12","firmware":"bios","secureBoot":false,"vTpm":false,"hardwareVersion":19,"cpus":2,"memoryMiB":4096,"powerState":"poweredOn","toolsStatus":"guestToolsRunning","hostMoref":"host-1","hostName":"esx-1","isTemplate":false,"faultTolerant":false,"encrypted":false,"changeTrackingSupported":true,"changeTrackingEnabled":false,"isoPaths":[],"disks":[],"nics":[],"snapshots":[]}');
    INSERT INTO jobs (id, server_id, state, created_at, next_run_at, document) VALUES
      ('job-a', '50000000-0000-4000-8000-000000000001', 'active', 1772323200000, 1772344800000, '{"id":"job-a","serverId":"50000000-0000-4000-8000-000000000001","serverName":"web01","schedule":{"startAt":"2026-03-01T00:00:00.000Z","everyHours":6},"settings":{"licence":"auto","imageMethod":"registered","encrypted":true,"kmsKeyId":"alias/hoist","retention":7,"tags":{"team":"web"}},"state":"active","createdAt":"2026-03-01T00:00:00.000Z","nextRunAt":"2026-03-01T06:00:00.000Z","failuresInARow":0}'),
      ('job-b', '50000000-0000-4000-8000-000000000002', 'ended', 1772323201000, NULL, '{"id":"job-b","serverId":"50000000-0000-4000-8000-000000000002","serverName":"db01 – Straße","schedule":{"startAt":"2026-03-01T00:00:01.000Z"},"settings":{"licence":"byol","imageMethod":"converted","encrypted":false,"retention":1,"tags":{}},"state":"ended","createdAt":"2026-03-01T00:00:01.000Z","failuresInARow":0}');
    INSERT INTO runs (id, job_id, active, created_at, document, server_id, state, has_image) VALUES
      ('run-1', 'job-a', 0, 1772323200000, '{"id":"run-1","jobId":"job-a","serverId":"50000000-0000-4000-8000-000000000001","serverName":"web01","state":"succeeded","createdAt":"2026-03-01T00:00:00.000Z","startedAt":"2026-03-01T00:00:01.000Z","endedAt":"2026-03-01T00:30:00.000Z","retries":{"S3 SlowDown":2},"imageId":"ami-0123456789abcdef0","imageStatus":"available","imageSnapshotIds":["snap-0123456789abcdef0"],"warnings":[],"trigger":"manual","steps":[],"resumptions":0}', '50000000-0000-4000-8000-000000000001', 'succeeded', 1),
      ('run-2', 'job-b', 0, 1772323201000, '{"id":"run-2","jobId":"job-b","serverId":"50000000-0000-4000-8000-000000000002","serverName":"db01 – Straße","state":"failed","createdAt":"2026-03-01T00:00:01.000Z","endedAt":"2026-03-01T00:00:05.000Z","retries":{},"imageSnapshotIds":[],"warnings":[{"severity":"warning","code":"ISO_ATTACHED","message":"m","hint":"h"}],"failure":{"code":"SERVER_BUSY","message":"m","hint":"h","stage":"scheduled"},"trigger":"manual","steps":[],"resumptions":0}', '50000000-0000-4000-8000-000000000002', 'failed', 0),
      ('run-3', 'job-a', 1, 1772344800000, '{"id":"run-3","jobId":"job-a","serverId":"50000000-0000-4000-8000-000000000001","serverName":"web01","state":"uploading","createdAt":"2026-03-01T06:00:00.000Z","startedAt":"2026-03-01T06:00:01.000Z","vmSnapshotMoref":"snapshot-7","retries":{},"imageSnapshotIds":[],"warnings":[],"trigger":"manual","steps":[],"resumptions":0}', '50000000-0000-4000-8000-000000000001', 'uploading', 0);
    INSERT INTO run_disks (run_id, disk_key, position, document) VALUES
      ('run-1', 2000, 0, '{"key":2000,"label":"Hard disk 1","sizeBytes":9007199254740991,"readBytes":1,"uploadedBytes":1,"objectDeleted":true,"snapshotId":"snap-0123456789abcdef0"}'),
      ('run-1', 2001, 1, '{"key":2001,"label":"Hard disk 2","sizeBytes":2147483648,"readBytes":2147483648,"uploadedBytes":1000,"transferMs":12.5,"bucket":"hoist-0a1b2c3d4e5f","objectKey":"runs/run-1/2001.vmdk","objectDeleted":true,"importTaskId":"import-snap-1","snapshotId":"snap-0123456789abcdef1","manifestPath":"manifests/run-1/2001"}'),
      ('run-3', 2000, 0, '{"key":2000,"label":"Hard disk 1","sizeBytes":2147483648,"readBytes":1048576,"uploadedBytes":0,"bucket":"hoist-0a1b2c3d4e5f","objectKey":"runs/run-3/2000.vmdk","objectDeleted":false}');
  `,
}

/** Schemas of which there is a database. */
export const oldSchemas = Object.keys(rows).map(Number)

/** Makes the data directory of an appliance of that schema: `hoist.db` and `secrets.key`. */
export function makeOldDataDir(directory: string, schema: number): void {
  const sqlite = new DatabaseSync(join(directory, 'hoist.db'))
  for (const migration of migrations.slice(0, schema)) migration.up(sqlite)
  sqlite.exec(`PRAGMA journal_mode = WAL; PRAGMA user_version = ${schema}`)
  sqlite.exec(rows[schema] ?? '')
  sqlite.close()
  const keyPath = join(directory, 'secrets.key')
  writeFileSync(keyPath, Buffer.alloc(32, 7))
  chmodSync(keyPath, 0o600)
}
