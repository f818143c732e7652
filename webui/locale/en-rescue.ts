// Words of the rescue mode.

export const r = {
  title: 'The database is damaged',
  intro:
    'The appliance has stopped its work, so that nothing more is lost. Servers, disks and what stands in AWS are untouched. A backup of the database brings it back.',
  prove: 'Show that you may read the data directory of the appliance: accounts are in the database that is damaged.',
  token: 'API token',
  tokenHint: 'One line of text, in the file api-token of the data directory. The log of the start names its path.',
  open: 'Open',
  checking: 'The backups are checked. With a large database this takes a minute.',
  what: 'What is wrong',
  findings: 'Found by the check',
  todo: 'What to do',
  steps: [
    'Export the damaged database, for whoever looks into what has happened. It stays on the appliance, too.',
    'Restore the newest backup that is whole. The appliance then starts by itself.',
    'If the appliance is read-only, say on the page Connectors that it is the connector. Then import the catalog, and look at the leftovers on the page Support: what was made since the backup.',
  ],
  exportDamage: 'Export the damaged database',
  noDatabase: 'There is no file of it',
  sizeOf: (database: string, log: string | undefined) =>
    log === undefined ? database : `${database}, and ${log} of changes that are not in it yet`,
  backups: 'Backups',
  table: 'Backups and what the check of each has found',
  columns: { name: 'Name', taken: 'Taken', size: 'Size', check: 'Check' },
  whole: 'Whole',
  damaged: 'Damaged',
  restore: 'Restore',
  restoreOf: (name: string) => `Restore ${name}`,
  empty: 'There is no backup',
  emptyHint:
    'Restore the export of a backup, if there is one. Otherwise export the damaged database and report the issue with it. To begin anew, stop the appliance, move hoist.db and what is named like it out of the data directory, and start it: the setup begins from its first page.',
  again: 'Check again',
  ask: (taken: string) => `Restore the backup of ${taken}?`,
  askText:
    'Jobs, runs, settings and accounts become what they were then. The damaged database is kept in the data directory. Images and snapshots in AWS stay.',
} as const
