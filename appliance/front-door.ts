// Where the appliance is reached: it listens, sends plain HTTP to https, and tells the service manager that it is there.
import type { Logger } from 'pino'
import type { Routes } from './api/routes.ts'
import type { Config } from './config.ts'
import { ApplianceError } from './errors.ts'
import { type Redirect, serveRedirect } from './redirect.ts'
import { notifyReady, notifyStopping, startWatchdog } from './service-notify.ts'

export interface FrontDoor {
  /**
   * Listens for the appliance, or for its rescue mode before that; resolves with the address.
   * @throws {ApplianceError} CONFIG_INVALID when an address or a port is not to be had
   */
  open(api: Routes): Promise<string>
  /** What the API does with those who are connected is its own business. */
  close(): Promise<void>
}

export function frontDoor({ host, port, redirectPort }: Config, log: Logger): FrontDoor {
  let redirect: Redirect | undefined
  let stopWatchdog: (() => void) | undefined
  const untold = (err: unknown) => log.error({ err }, 'service manager was not told')

  return {
    async open(api) {
      const address = await api.listen({ host, port }).catch(refused('HOIST_PORT', host, port))
      if (redirectPort !== 0) {
        const httpsPort = Number(new URL(address).port || 443)
        const options = { host, port: redirectPort, httpsPort }
        redirect ??= await serveRedirect(options).catch(refused('HOIST_REDIRECT_PORT', host, redirectPort))
      }
      // From here on a loop that stands still is noticed; who is told twice, of the rescue mode too, does not mind.
      await notifyReady().catch(untold)
      stopWatchdog ??= startWatchdog({ onFailure: untold })
      return address
    },
    async close() {
      // Whoever ends it knows already, unless it is an administrator at a terminal.
      await notifyStopping().catch(untold)
      await redirect?.stop()
      stopWatchdog?.()
    },
  }
}

function refused(variable: string, host: string, port: number) {
  return (cause: unknown): never => {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ApplianceError('CONFIG_INVALID', `The appliance cannot listen on ${host}, port ${port}: ${reason}.`, {
      cause,
      hint: `Set HOIST_HOST to an address of this machine and ${variable} to a free port.`,
    })
  }
}
