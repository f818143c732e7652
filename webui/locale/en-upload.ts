// Words of files on their way to the appliance.

export const l = {
  of: (sent: string, total: string) => `${sent} of ${total}`,
  left: (time: string) => `${time} left`,
  checking: 'All is sent: the appliance checks it',
  broken: 'The upload broke off.',
  brokenHint:
    'Check that the file is still where it was, and that the network to the appliance works. Then upload it again, from its beginning.',
  sending: 'Upload',
} as const
