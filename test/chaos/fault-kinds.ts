// The kinds of fault that trials inject, by name.

export const faultKinds = [
  'kill',
  'terminate',
  'reset',
  'answerLost',
  'blackHole',
  'sessionEnded',
  'vcenterAway',
  'awsErrors',
  'credentialsExpired',
  'dataDiskFull',
  'clockJump',
  'leaseLost',
  'connectorLeaseLost',
  'datastoreFull',
  'cloned',
  'restored',
] as const

export type FaultKind = (typeof faultKinds)[number]

/** Those that question who the connector is: never two of them in one trial, nothing could be expected then. */
export const identityFaults: readonly FaultKind[] = ['connectorLeaseLost', 'cloned', 'restored']

/** What may come on top of those without making another appliance process the wrong one. */
export const quietWithIdentity: readonly FaultKind[] = ['reset', 'answerLost', 'blackHole', 'sessionEnded', 'awsErrors']

/** Those that end and start the appliance. */
export const processFaults: readonly FaultKind[] = ['kill', 'terminate', 'cloned', 'restored']
