// Words of upgrades.

export const u = {
  notHere:
    'Upgrades are of the appliance image. Here no helper is there that could install one: install the new version by hand.',
  now: 'This appliance',
  running: 'Release',
  last: 'Latest upgrade',
  results: {
    upgraded: (from: string, to: string, at: string) => `From ${from} to ${to}, ${at}`,
    refused: (_from: string, to: string, at: string) => `Release ${to} was not installed, ${at}`,
    'rolled-back': (from: string, to: string, at: string) => `Release ${to} was not well: ${from} was put back, ${at}`,
  },
  reason: 'Cause',
  phases: {
    settled: 'No upgrade is under way',
    handing: (to: string) => `Release ${to} is verified and unpacked`,
    preparing: (to: string) =>
      `The service stands still for release ${to}: its database is kept, the new schema tried on a copy`,
    trying: (to: string) => `Release ${to} runs on trial`,
    'rolling-back': (to: string) => `Release ${to} was not well: the former one is put back`,
    away: 'The service starts anew: this page goes on by itself',
  },
  offer: 'New release',
  none: 'No release is ready to be installed. Upload a bundle, or fetch one.',
  ready: (version: string, date: string, size: string) =>
    `Release ${version} of ${date}, signed, ${size}: ready to be installed`,
  install: (version: string) => `Install ${version}`,
  ask: (version: string) => `Install release ${version}?`,
  askText:
    'The service stops for a minute or two, and this page goes on by itself. If the new release is not well within two minutes, the one of now and its database are put back.',
  runs: (count: number) =>
    count === 1
      ? 'One run is under way: it goes on after the restart.'
      : `${count} runs are under way: they go on after the restart.`,
  discard: 'Discard',
  receiving: (version: string | undefined) =>
    version === undefined ? 'A bundle is received' : `Release ${version} is received`,
  cancel: 'Cancel',
  upload: 'Upload a bundle',
  file: 'File (hoist-VERSION.tar)',
  uploadAct: 'Upload',
  url: 'Fetch from an address',
  urlLabel: 'Address (https)',
  urlHint: 'Through the proxy of AWS, if one is set.',
  fetchAct: 'Fetch',
  bucket: "Fetch from the connector's bucket",
  bucketHint: 'What stands below releases/ as hoist-VERSION.tar.',
  look: 'Look',
  bucketEmpty: 'The bucket holds no bundle.',
  columns: { key: 'Bundle', size: 'Size', at: 'Changed' },
  fetchOf: (key: string) => `Fetch ${key}`,
  auto: 'Automatic upgrades',
  autoOn: 'Look for a newer release daily, and install it in the windows below',
  autoHint: 'What is not signed, or was not well once, is never installed by itself.',
  source: 'From',
  sources: { bucket: "The connector's bucket", url: 'An address that always has the newest bundle' },
  windows: 'Windows',
  windowsHint: (zone: string) => `By the clock of ${zone}, the time zone of the policy. Without a window: at any time.`,
  addWindow: 'Add a window',
  next: 'Next',
  nothing: {
    off: 'Nothing comes by itself.',
    nothingNewer: 'There is no newer release.',
    tried: 'The release on offer was tried and not kept: install it by hand.',
    neverOpen: 'The windows are never open.',
  },
  upgradeAt: (to: string, at: string) => `Release ${to} is installed from ${at} on.`,
  lookedAt: 'Last looked',
} as const
