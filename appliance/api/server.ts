// The HTTPS server of the API: validation, access, the audit log, errors and the OpenAPI document around the routes.
import swagger from '@fastify/swagger'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { type FastifyBaseLogger, LogController } from 'fastify'
import { Type } from 'typebox'
import type { AccessService } from '../accounts/access-service.ts'
import { ApplianceError } from '../errors.ts'
import type { NotificationService } from '../notify/service.ts'
import { requireAccess } from './access.ts'
import { accountRoutes } from './accounts.ts'
import { auditRoutes } from './audit.ts'
import { recordChanges } from './audit-hook.ts'
import { auditViews } from './audit-views.ts'
import { authenticate, type RequestLimits } from './authenticate.ts'
import { type AwsService, awsRoutes } from './aws.ts'
import { type BackupService, backupRoutes } from './backups.ts'
import { limitConnections } from './connection-limits.ts'
import { type ConnectorService, connectorRoutes } from './connector.ts'
import { consoleRoutes } from './console.ts'
import { cookieName } from './cookie.ts'
import { answerClientError, answerError, handleErrors } from './error-handler.ts'
import { type EventHub, eventRoutes } from './events.ts'
import { type HealthService, healthRoutes } from './health.ts'
import { type JobService, jobRoutes } from './jobs.ts'
import { parseJsonBodies } from './json-body.ts'
import { type LeftoverService, leftoverRoutes } from './leftovers.ts'
import { type MachineService, machineRoutes } from './machine.ts'
import { type MetricsService, metricsRoutes } from './metrics.ts'
import { notificationRoutes } from './notifications.ts'
import { type PageOptions, pageRoutes } from './page.ts'
import { type PolicyService, policyRoutes } from './policy.ts'
import type { Routes } from './routes.ts'
import { type RunService, runRoutes } from './runs.ts'
import { ErrorBody, strict } from './schemas/common.ts'
import { type CatalogService, serverRoutes } from './servers.ts'
import { sessionRoutes } from './session.ts'
import { type SettingsService, settingsRoutes } from './settings.ts'
import { setupRoutes } from './setup.ts'
import { type SupportService, supportRoutes } from './support.ts'
import { type SystemService, systemRoutes } from './system.ts'
import { type ThroughputService, throughputRoutes } from './throughput.ts'
import { tokenRoutes } from './tokens.ts'
import { type UpgradeRoutesService, upgradeRoutes } from './upgrade.ts'
import { validatorCompiler } from './validator.ts'
import { type WebCertificateService, webCertificateRoutes } from './web-certificate.ts'

export interface ApiOptions {
  /** PEM of the web certificate and its key. */
  tls: { cert: string; key: string }
  /** Of the file api-token: an administrator, for scripts on the appliance itself. */
  token: string
  /** Opens /metrics and nothing else: what a Prometheus server is given. */
  metricsToken: string
  version: string
  log: FastifyBaseLogger
  hub: EventHub
  /** Accounts, sessions, API tokens, the setup and the audit log. */
  access: AccessService
  limits?: RequestLimits
  settings: SettingsService
  catalog: CatalogService
  jobs: JobService
  runs: RunService
  policy: PolicyService
  connector: ConnectorService
  leftovers: LeftoverService
  backups: BackupService
  notifications: NotificationService
  metrics: MetricsService
  throughput: ThroughputService
  health: HealthService
  system: SystemService
  machine: MachineService
  aws: AwsService
  support: SupportService
  webCertificate: WebCertificateService
  upgrade: UpgradeRoutesService
  /** Absent: the API alone. */
  page?: PageOptions
}

/** The largest legitimate body is a list of 1,000 server ids. */
const bodyLimitBytes = 256 * 1024
/** Node's own limit of all headers and the request line together. */
const pathLimit = 16 * 1024

/** Routes that take no query or no body refuse one, as the others refuse unknown keys: what is sent in vain is a slip. */
function refuseUnasked(app: Routes): void {
  app.addHook('onRoute', route => {
    route.schema = { querystring: Type.Object({}, strict), ...route.schema }
  })
  app.addHook('preValidation', async request => {
    const { body, routeOptions } = request
    // What no route matches is answered as such.
    if (routeOptions.url === undefined) return
    if (body === undefined || body === null || routeOptions.schema?.body !== undefined) return
    if (typeof body === 'object' && Object.keys(body).length === 0) return
    throw new ApplianceError('INVALID_REQUEST', `${request.method} ${routeOptions.url} takes no body`, {
      hint: 'Compare the request with /api/openapi.json.',
    })
  })
}

/** The API, ready to listen or to be injected into. */
export async function createApi(options: ApiOptions): Promise<Routes> {
  const app = fastify({
    https: { cert: options.tls.cert, key: options.tls.key, minVersion: 'TLSv1.2' },
    loggerInstance: options.log,
    bodyLimit: bodyLimitBytes,
    forceCloseConnections: true,
    logController: new LogController({ disableRequestLogging: true }),
    return503OnClosing: true,
    // Longer than Node takes a path: how long an id may be is the route's to say, and only to whoever may ask. What is no
    // UTF-8 never reaches a route's own error handler.
    routerOptions: { maxParamLength: pathLimit },
    frameworkErrors: answerError,
    clientErrorHandler: answerClientError,
  }).withTypeProvider<TypeBoxTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  parseJsonBodies(app)
  app.addSchema(ErrorBody)
  handleErrors(app)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Hoist', version: options.version, license: { name: 'Apache-2.0' } },
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer' },
          session: { type: 'apiKey', in: 'cookie', name: cookieName },
        },
      },
      security: [{ token: [] }, { session: [] }],
    },
    refResolver: { buildLocalReference: (schema, _base, _fragment, index) => String(schema.$id ?? `def-${index}`) },
  })
  requireAccess(app)
  limitConnections(app)
  authenticate(app, options)
  refuseUnasked(app)
  recordChanges(app, { audit: options.access.audit, nowMs: options.access.nowMs, views: auditViews(options) })
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
  })
  healthRoutes(app, options.health)
  sessionRoutes(app, options.access)
  setupRoutes(app, options.access)
  consoleRoutes(app, options)
  accountRoutes(app, options.access)
  tokenRoutes(app, options.access)
  auditRoutes(app, options.access.audit)
  settingsRoutes(app, options.settings)
  serverRoutes(app, options.catalog)
  jobRoutes(app, options.jobs)
  runRoutes(app, options.runs, options.jobs)
  policyRoutes(app, options.policy)
  connectorRoutes(app, options.connector)
  leftoverRoutes(app, options.leftovers)
  backupRoutes(app, options.backups, options.access)
  notificationRoutes(app, options.notifications)
  systemRoutes(app, options.system)
  machineRoutes(app, options.machine, options.access)
  awsRoutes(app, options.aws)
  supportRoutes(app, options.support)
  webCertificateRoutes(app, options.webCertificate)
  upgradeRoutes(app, options.upgrade)
  metricsRoutes(app, options.metrics)
  throughputRoutes(app, options.throughput)
  eventRoutes(app, options.hub)
  if (options.page) await pageRoutes(app, options.page)
  app.get('/api/openapi.json', { schema: { hide: true } }, () => app.swagger())
  return app
}
