// The settings of AWS as their form holds them. Pure.
import type { AwsSettingsBody, AwsSettingsView } from '../contract.ts'
import {
  accessKeyIdError,
  type Errors,
  endpointError,
  externalIdError,
  importRoleError,
  regionError,
  roleArnError,
  secretError,
  sessionTokenError,
} from './field-checks.ts'

/** Those that may have private endpoints. */
export const services = ['s3', 'ec2', 'sts', 'iam', 'sns'] as const
export type Service = (typeof services)[number]

export interface AwsForm {
  region: string
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string
  /** As the browser's field holds it: local time, without a zone. */
  sessionEnds: string
  assumeRoleArn: string
  assumeRoleExternalId: string
  importRoleName: string
  endpoints: Partial<Record<Service, string>>
}

export const formOf = (stored: AwsSettingsView | undefined): AwsForm => ({
  region: stored?.region ?? '',
  accessKeyId: stored?.accessKeyId ?? '',
  secretAccessKey: '',
  sessionToken: '',
  sessionEnds: '',
  assumeRoleArn: stored?.assumeRoleArn ?? '',
  assumeRoleExternalId: '',
  importRoleName: stored?.importRoleName ?? 'vmimport',
  endpoints: { ...stored?.endpoints },
})

/** As the API takes it: without what was left empty. The proxy has a step of its own. */
export function awsBody(form: AwsForm): AwsSettingsBody {
  const { region, accessKeyId, secretAccessKey, sessionEnds, endpoints, ...optional } = form
  const endsMs = optional.sessionToken.trim() === '' ? Number.NaN : Date.parse(sessionEnds)
  const ends = filled(endpoints)
  return {
    region: region.trim(),
    accessKeyId: accessKeyId.trim(),
    secretAccessKey: secretAccessKey.trim(),
    ...filled(optional),
    ...(Number.isNaN(endsMs) ? {} : { sessionExpiresAt: new Date(endsMs).toISOString() }),
    ...(Object.keys(ends).length > 0 ? { endpoints: ends } : {}),
  }
}

/** None of these is ever meant with a blank around. */
function filled(values: Readonly<Record<string, string>>): Record<string, string> {
  const trimmed = Object.entries(values).map(([name, value]) => [name, value.trim()] as const)
  return Object.fromEntries(trimmed.filter(([, value]) => value !== ''))
}

type AwsFieldName = Exclude<keyof AwsForm, 'endpoints' | 'sessionEnds'> | Service

export function awsErrors(form: AwsForm): Errors<AwsFieldName> {
  return {
    region: regionError(form.region),
    accessKeyId: accessKeyIdError(form.accessKeyId),
    secretAccessKey: secretError(form.secretAccessKey),
    sessionToken: sessionTokenError(form.sessionToken),
    assumeRoleArn: roleArnError(form.assumeRoleArn),
    assumeRoleExternalId: externalIdError(form.assumeRoleExternalId),
    importRoleName: importRoleError(form.importRoleName),
    ...Object.fromEntries(services.map(service => [service, endpointError(form.endpoints[service] ?? '')])),
  }
}

/** The endpoint that all services have; empty when they have not the same. */
export function oneEndpoint({ endpoints }: Pick<AwsForm, 'endpoints'>): string {
  const first = endpoints[services[0]] ?? ''
  return services.every(service => (endpoints[service] ?? '') === first) ? first : ''
}

/** That endpoint for all. */
export const endpointForAll = (endpoint: string): AwsForm['endpoints'] =>
  Object.fromEntries(services.map(service => [service, endpoint]))
