// The settings of AWS as their form holds them. Pure.
import type { AwsSettingsBody, AwsSettingsView } from '../contract.ts'

/** Those that may have private endpoints. */
export const services = ['s3', 'ec2', 'sts', 'iam', 'sns'] as const
type Service = (typeof services)[number]

export interface AwsForm {
  region: string
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string
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
  assumeRoleArn: stored?.assumeRoleArn ?? '',
  assumeRoleExternalId: '',
  importRoleName: stored?.importRoleName ?? 'vmimport',
  endpoints: { ...stored?.endpoints },
})

/** As the API takes it: without what was left empty. The proxy has a step of its own. */
export function awsBody(form: AwsForm): AwsSettingsBody {
  const { region, accessKeyId, secretAccessKey, endpoints, ...optional } = form
  const given = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== ''))
  const ends = Object.fromEntries(Object.entries(endpoints).filter(([, value]) => value !== ''))
  return {
    region,
    accessKeyId: accessKeyId.trim(),
    secretAccessKey,
    ...given,
    ...(Object.keys(ends).length > 0 ? { endpoints: ends } : {}),
  }
}
