// Words of exporting and importing backups.

export const b = {
  exportOf: (name: string) => `Export ${name}`,
  exportShort: 'Export…',
  exportTitle: (taken: string) => `Export the backup of ${taken}`,
  exportText: 'One encrypted file with everything, passwords and keys included: what a new appliance is restored from.',
  exportAct: 'Export',
  exported: 'The export is saved by the browser',
  passphrase: 'Passphrase of the export',
  passphraseHint:
    'Twelve characters or more; several words that have nothing to do with each other are good. It is kept nowhere: without it the file is of no use to anybody.',
  again: 'Passphrase again',
  tooShort: (shortest: number) => `Use ${shortest} characters or more.`,
  notTheSame: 'This is not the same as above.',
  importOpen: 'Restore an export…',
  importTitle: 'Restore from an exported backup',
  importAct: 'Restore',
  importText:
    'Jobs, runs, settings, accounts and passwords become what they were when the backup was made. Everything that is stored now is put aside, in a file of the data directory.',
  importFresh:
    'This appliance becomes what the other one was when the backup was made: with its accounts, settings, passwords and jobs. There is nothing else to set up.',
  importOther:
    'It does not act as the connector before somebody confirms that it is: if the former machine still works, nothing is done twice.',
  file: 'Exported file',
  fileHint: 'It ends with .hoistbackup.',
  password: 'Your own password',
  sending: 'The file is sent',
  importing: 'The file is decrypted and checked, then restored. This cannot be stopped any more.',
  restoring: 'The backup is restored',
  restoringText: 'The appliance starts with it. This page goes on by itself as soon as it answers.',
} as const
