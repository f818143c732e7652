// Every kind of fault and what it does.
import type { FaultKind } from './fault-kinds.ts'
import type { Strike } from './ground.ts'
import { cloned, connectorLeaseLost, restored } from './identity-faults.ts'
import {
  answerLost,
  awsErrors,
  blackHole,
  credentialsExpired,
  datastoreFull,
  leaseLost,
  reset,
  sessionEnded,
  vcenterAway,
} from './outside-faults.ts'
import { clockJump, dataDiskFull, kill, terminate } from './process-faults.ts'

export const strikes: Readonly<Record<FaultKind, Strike>> = {
  kill,
  terminate,
  reset,
  answerLost,
  blackHole,
  sessionEnded,
  vcenterAway,
  awsErrors,
  credentialsExpired,
  dataDiskFull,
  clockJump,
  leaseLost,
  connectorLeaseLost,
  datastoreFull,
  cloned,
  restored,
}
