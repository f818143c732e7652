// Settings of vCenter and AWS, and the registration with both.
import type { AwsSettings, CertificateSummary, Connector } from '../domain.ts'
import type { Routes } from './routes.ts'
import { errorAnswers } from './schemas/common.ts'
import {
  AwsSettingsBody,
  AwsSettingsView,
  CertificateQuery,
  CertificateSummary as CertificateSummarySchema,
  PrivilegeList,
  RegistrationView,
  SettingsView,
  VcenterIdentity,
  VcenterSettingsBody,
  VcenterSettingsView,
} from './schemas/settings.ts'

export interface SettingsService {
  view(): Promise<SettingsView>
  certificate(host: string): Promise<CertificateSummary>
  privileges(): PrivilegeList
  /** Asks vCenter now. */
  vcenterIdentity(signal: AbortSignal): Promise<VcenterIdentity>
  /** Logs in before anything is kept. */
  changeVcenter(body: VcenterSettingsBody): Promise<VcenterSettingsView>
  /** Asks AWS who these credentials are before anything is kept. */
  changeAws(
    settings: AwsSettings,
    secrets: { secretAccessKey: string; sessionToken?: string; proxyPassword?: string },
  ): Promise<AwsSettingsView>
  connector(): Promise<Connector>
  register(signal: AbortSignal): Promise<Connector>
  unregister(signal: AbortSignal): Promise<Connector>
}

/** Longest a registration may take: every call in it has a time-out of its own, this bounds their sum. */
const registrationTimeoutMs = 120_000

/** Longest a look at vCenter may take: a page waits for it. */
const identityTimeoutMs = 30_000

const tags = ['settings']

export function settingsRoutes(app: Routes, settings: SettingsService): void {
  app.get(
    '/api/settings',
    { schema: { summary: 'All settings, without secrets', tags, response: { 200: SettingsView, ...errorAnswers } } },
    () => settings.view(),
  )
  app.post(
    '/api/settings/vcenter/certificate',
    {
      schema: {
        summary: 'The certificate that a vCenter shows, to be looked at before it is trusted',
        tags,
        body: CertificateQuery,
        response: { 200: CertificateSummarySchema, ...errorAnswers },
      },
    },
    request => settings.certificate(request.body.host),
  )
  app.put(
    '/api/settings/vcenter',
    {
      schema: {
        summary: 'Log in to vCenter, and keep the settings if that works',
        tags,
        body: VcenterSettingsBody,
        response: { 200: VcenterSettingsView, ...errorAnswers },
      },
    },
    request => settings.changeVcenter(request.body),
  )
  app.get(
    '/api/vcenter/identity',
    {
      schema: {
        summary: 'Ask vCenter now: its version, and what its account may not do',
        tags,
        response: { 200: VcenterIdentity, ...errorAnswers },
      },
    },
    () => settings.vcenterIdentity(AbortSignal.timeout(identityTimeoutMs)),
  )
  app.get(
    '/api/vcenter/privileges',
    {
      schema: {
        summary: 'The privileges that the account in vCenter needs, and what for',
        tags,
        response: { 200: PrivilegeList, ...errorAnswers },
      },
    },
    () => settings.privileges(),
  )
  app.put(
    '/api/settings/aws',
    {
      schema: {
        summary: 'Ask AWS who the credentials are, and keep the settings if it knows them',
        tags,
        body: AwsSettingsBody,
        response: { 200: AwsSettingsView, ...errorAnswers },
      },
    },
    request => {
      const {
        secretAccessKey,
        sessionToken,
        proxyPassword,
        endpoints = {},
        importRoleName = 'vmimport',
        ...rest
      } = request.body
      const secrets = {
        secretAccessKey,
        ...(sessionToken === undefined ? {} : { sessionToken }),
        ...(proxyPassword === undefined ? {} : { proxyPassword }),
      }
      return settings.changeAws({ ...rest, endpoints, importRoleName }, secrets)
    },
  )
  registrationRoutes(app, settings)
}

function registrationRoutes(app: Routes, settings: SettingsService): void {
  const response = { 200: RegistrationView, ...errorAnswers }
  app.get(
    '/api/registration',
    { schema: { summary: 'Whether this connector is registered', tags, response } },
    async () => viewOf(await settings.connector()),
  )
  app.post(
    '/api/registration',
    { schema: { summary: 'Register with vCenter and AWS, or repair a registration', tags, response } },
    async () => viewOf(await settings.register(AbortSignal.timeout(registrationTimeoutMs))),
  )
  app.delete(
    '/api/registration',
    { schema: { summary: 'Take the extension out of vCenter', tags, response } },
    async () => viewOf(await settings.unregister(AbortSignal.timeout(registrationTimeoutMs))),
  )
}

function viewOf(connector: Connector) {
  const { id, bucket, awsAccountId, vcenterInstanceUuid } = connector
  return {
    connectorId: id,
    registered: bucket !== undefined && vcenterInstanceUuid !== undefined,
    ...(bucket === undefined ? {} : { bucket }),
    ...(awsAccountId === undefined ? {} : { accountId: awsAccountId }),
    ...(vcenterInstanceUuid === undefined ? {} : { vcenterInstanceUuid }),
  }
}
