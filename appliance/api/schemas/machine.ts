// What may be changed of the machine, as the API takes and shows it. The fields are those of the root helper's verbs.
import { type Static, Type } from 'typebox'
import { SshKeyView } from '../../machine/machine-state.ts'
import { hostnameFields, networkFields, resetWords, timeFields } from '../../machine/verbs.ts'
import { strict } from './common.ts'
import { Password } from './session.ts'

export const MachineNetwork = Type.Object(networkFields, strict)
export type MachineNetwork = Static<typeof MachineNetwork>

export const MachineTime = Type.Object(timeFields, strict)
export type MachineTime = Static<typeof MachineTime>

export const MachineHostname = Type.Object(hostnameFields, strict)
export type MachineHostname = Static<typeof MachineHostname>

export const MachineSwitch = Type.Object({ enabled: Type.Boolean() }, strict)
export type MachineSwitch = Static<typeof MachineSwitch>

const force = Type.Optional(Type.Boolean({ description: 'Also while runs are under way' }))

export const RestartBody = Type.Object(
  { what: Type.Union([Type.Literal('service'), Type.Literal('machine')]), force },
  strict,
)
export type RestartBody = Static<typeof RestartBody>

export const ResetBody = Type.Object(
  {
    confirm: Type.Literal(resetWords, { description: 'Typed, not clicked' }),
    /** Of the account that asks. */
    password: Password,
    force,
  },
  strict,
)
export type ResetBody = Static<typeof ResetBody>

/** It goes on when the answer has left. */
export const MachineBegun = Type.Object({ begun: Type.Literal(true) }, strict)

export const MachineSettings = Type.Object(
  {
    network: MachineNetwork,
    /** Absent: the machine never got a name of its own. */
    hostname: Type.Optional(MachineHostname),
    time: MachineTime,
    ssh: MachineSwitch,
    updates: MachineSwitch,
  },
  strict,
)
export type MachineSettings = Static<typeof MachineSettings>

export const MachineView = Type.Object(
  {
    /** Absent: there is no root helper, and the machine is changed by hand. */
    settings: Type.Optional(MachineSettings),
    sshKey: Type.Optional(Type.Boolean({ description: 'Whether there is a key that may sign in by SSH' })),
    sshKeys: Type.Optional(Type.Array(SshKeyView, { description: 'What is known of these keys' })),
    runsUnderWay: Type.Array(Type.String(), {
      description: 'Servers of the runs that a restart of the machine would hold, and a factory reset cut off',
    }),
    findings: Type.Array(Type.Object({ about: Type.String(), text: Type.String() }, strict), {
      description: 'What the first boot could not take as it was given',
    }),
    proxyFailure: Type.Optional(
      Type.Object(
        { code: Type.String(), message: Type.String(), hint: Type.String() },
        { ...strict, description: 'Why the machine itself does not use the proxy that is set' },
      ),
    ),
  },
  strict,
)
export type MachineView = Static<typeof MachineView>
