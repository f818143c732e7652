// The machine's network and time as it reports them, and the proxy.
import type { Routes } from './routes.ts'
import { errorAnswers } from './schemas/common.ts'
import { ProxyAnswer, ProxyBody, SystemView } from './schemas/system.ts'

export interface SystemService {
  view(signal: AbortSignal): Promise<SystemView>
  /** Asks AWS through the proxy before it is kept. */
  changeProxy(body: ProxyBody): Promise<ProxyAnswer>
  proxy(): Promise<ProxyAnswer>
}

/** Programs that tell of the time answer at once, or not at all. */
const viewTimeoutMs = 15_000
const tags = ['system']

export function systemRoutes(app: Routes, system: SystemService): void {
  app.get(
    '/api/system',
    {
      schema: {
        summary: 'Network, time and proxy of the appliance',
        tags,
        response: { 200: SystemView, ...errorAnswers },
      },
    },
    () => system.view(AbortSignal.timeout(viewTimeoutMs)),
  )
  app.put(
    '/api/system/proxy',
    {
      schema: {
        summary: 'Ask AWS through a proxy, and keep it if AWS answers; an empty object takes it away',
        tags,
        body: ProxyBody,
        response: { 200: ProxyAnswer, ...errorAnswers },
      },
    },
    request => system.changeProxy(request.body),
  )
}
