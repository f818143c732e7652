// The machine under the appliance: how it is configured, and changed by the root helper where there is one.
import { BlockList, isIPv4 } from 'node:net'
import { Type } from 'typebox'
import type { AccessService } from '../accounts/access-service.ts'
import { addressKey } from '../accounts/rate-limit.ts'
import { ApplianceError } from '../errors.ts'
import { isTimeServer, networkFlaw } from '../machine/verbs.ts'
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
  restart(what: 'service' | 'machine'): Promise<void>
  /** Everything is erased at the next start, which begins now. */
  reset(): Promise<void>
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
      refuse(networkFlaw(request.body) ?? placeFlaw(request.body))
      await machine.change('network', request.body)
      return reply.code(204).send(null)
    },
  )
  app.put(
    '/api/machine/hostname',
    { schema: { summary: 'Name of the machine', tags, body: MachineHostname, response: changed } },
    async (request, reply) => {
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
    { schema: { summary: 'Restart the service, or the machine', tags, body: RestartBody, response } },
    async (request, reply) => {
      await machine.restart(request.body.what)
      return reply.code(202).send({ begun: true })
    },
  )
  app.post(
    '/api/machine/reset',
    {
      schema: {
        summary: 'Factory reset: erase the data disk and start as it was deployed. There is no way back',
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
      await machine.reset()
      return reply.code(202).send({ begun: true })
    },
  )
}

/** Addresses that no machine can have or reach another by, though each is written well: with them nobody finds the appliance again. */
export function placeFlaw({ ipv4, ipv6 }: MachineNetwork): string | undefined {
  for (const side of [ipv4, ipv6]) {
    if (side.method !== 'static') continue
    const { address, prefixLength, gateway } = side
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    if (nobodys.check(address, family)) return `${address} is no address that a machine can have`
    if (gateway === undefined || linkLocal.check(gateway, family)) continue
    const network = new BlockList()
    network.addSubnet(address, prefixLength, family)
    if (!network.check(gateway, family))
      return `The gateway ${gateway} is not in the network of ${address}/${prefixLength}`
  }
  return undefined
}

/** This host, loopback, multicast and broadcast. Source: RFC 6890. */
const nobodys = new BlockList()
nobodys.addSubnet('0.0.0.0', 8, 'ipv4')
nobodys.addSubnet('127.0.0.0', 8, 'ipv4')
nobodys.addSubnet('224.0.0.0', 3, 'ipv4')
nobodys.addSubnet('::', 127, 'ipv6')
nobodys.addSubnet('ff00::', 8, 'ipv6')

/** A router of IPv6 is reached by it on any network. */
const linkLocal = new BlockList()
linkLocal.addSubnet('fe80::', 10, 'ipv6')

function refuse(flaw: string | undefined): void {
  if (flaw !== undefined)
    throw new ApplianceError('INVALID_REQUEST', `${flaw}.`, { hint: 'Correct it, and try again.' })
}
