// The machine under the appliance: how it is configured, and changed by the root helper where there is one.
import { Type } from 'typebox'
import type { AccessService } from '../accounts/access-service.ts'
import { addressKey } from '../accounts/rate-limit.ts'
import { ApplianceError } from '../errors.ts'
import { hostnameFlaw, isTimeServer, networkFlaw } from '../machine/verbs.ts'
import type { Routes } from './routes.ts'
import { errorAnswers } from './schemas/common.ts'
import {
  MachineBegun,
  MachineHostname,
  MachineNetwork,
  type MachineSettings,
  MachineSwitch,
  MachineTime,
  MachineView,
  ResetBody,
  RestartBody,
} from './schemas/machine.ts'

export interface MachineService {
  /** Asks the helper. @throws {ApplianceError} MACHINE_UNAVAILABLE when there is one that does not answer */
  view(): Promise<MachineView>
  /** What was last known of a setting, without asking. */
  known(setting: keyof MachineSettings): unknown
  /** @throws {ApplianceError} MACHINE_UNAVAILABLE without a helper, or when it does not answer; the helper's own */
  change<Setting extends keyof MachineSettings>(setting: Setting, to: Required<MachineSettings>[Setting]): Promise<void>
  /** @throws {ApplianceError} RUNS_UNDER_WAY unless forced; those of `change` */
  restart(what: 'service' | 'machine', force?: boolean): Promise<void>
  /** Everything is erased at the next start, which begins now. @throws {ApplianceError} as `restart` */
  reset(force?: boolean): Promise<void>
}

const tags = ['machine']
const changed = { 204: Type.Null(), ...errorAnswers }

export function machineRoutes(app: Routes, machine: MachineService, access: AccessService): void {
  app.get(
    '/api/machine',
    {
      schema: {
        summary: 'How the machine is configured, and whether it can be changed from here',
        tags,
        response: { 200: MachineView, ...errorAnswers },
      },
    },
    () => machine.view(),
  )
  app.put(
    '/api/machine/network',
    {
      schema: {
        summary: 'Addresses and DNS; the connection may be lost before the answer arrives',
        tags,
        body: MachineNetwork,
        response: changed,
      },
    },
    async (request, reply) => {
      refuse(networkFlaw(request.body))
      await machine.change('network', request.body)
      return reply.code(204).send(null)
    },
  )
  app.put(
    '/api/machine/hostname',
    { schema: { summary: 'Name of the machine', tags, body: MachineHostname, response: changed } },
    async (request, reply) => {
      refuse(hostnameFlaw(request.body.name))
      await machine.change('hostname', request.body)
      return reply.code(204).send(null)
    },
  )
  app.put(
    '/api/machine/time',
    { schema: { summary: 'Time servers; none: the usual ones', tags, body: MachineTime, response: changed } },
    async (request, reply) => {
      const wrong = request.body.servers.find(server => !isTimeServer(server))
      refuse(wrong === undefined ? undefined : `The time server ${wrong} is neither a name nor an address`)
      await machine.change('time', request.body)
      return reply.code(204).send(null)
    },
  )
  for (const [setting, summary] of [
    ['ssh', 'Whether the machine takes sign-ins by SSH'],
    ['updates', 'Whether the system installs security updates by itself'],
  ] as const)
    app.put(
      `/api/machine/${setting}`,
      { schema: { summary, tags, body: MachineSwitch, response: changed } },
      async (request, reply) => {
        await machine.change(setting, request.body)
        return reply.code(204).send(null)
      },
    )
  endingRoutes(app, machine, access)
}

/** What ends the service that is asked. */
function endingRoutes(app: Routes, machine: MachineService, { accounts }: AccessService): void {
  const response = { 202: MachineBegun, ...errorAnswers }
  app.post(
    '/api/machine/restart',
    {
      schema: {
        summary: 'Restart the service, or the machine; the machine only when no run is under way, or with force',
        tags,
        body: RestartBody,
        response,
      },
    },
    async (request, reply) => {
      await machine.restart(request.body.what, request.body.force)
      return reply.code(202).send({ begun: true })
    },
  )
  app.post(
    '/api/machine/reset',
    {
      schema: {
        summary:
          'Factory reset: erase the data disk and start as it was deployed. There is no way back. Refused while runs are under way, unless with force',
        tags,
        body: ResetBody,
        response,
      },
    },
    async (request, reply) => {
      const { principal, body } = request
      if (principal?.kind !== 'account')
        throw new ApplianceError('FORBIDDEN', 'A script has no password.', {
          hint: 'Sign in to the page, or reset the appliance on its console.',
        })
      await accounts.confirmPassword(principal, body.password, addressKey(request.ip))
      await machine.reset(body.force)
      return reply.code(202).send({ begun: true })
    },
  )
}

function refuse(flaw: string | undefined): void {
  if (flaw !== undefined)
    throw new ApplianceError('INVALID_REQUEST', `${flaw}.`, { hint: 'Correct it, and try again.' })
}
