// AWS for the wizard: Regions, who we are and what we lack, the policies to grant, the bucket.
import type { Routes } from './routes.ts'
import { AwsIdentityView, BucketView, Policies, PolicyQuery, RegionList } from './schemas/aws.ts'
import { errorAnswers } from './schemas/common.ts'

export interface AwsService {
  regions(): readonly { id: string; name: string; partition: string }[]
  identity(signal: AbortSignal): Promise<AwsIdentityView>
  /** @throws {ApplianceError} NOT_CONFIGURED without an account and Region to name */
  policies(query: { accountId?: string; region?: string }): Promise<object>
  /** As a CloudFormation template. */
  template(query: { accountId?: string; region?: string }): Promise<object>
  createBucket(signal: AbortSignal): Promise<BucketView>
}

/** Some fifteen questions to IAM, or as many dry runs. */
const identityTimeoutMs = 60_000
const bucketTimeoutMs = 120_000
const fileNames = { json: 'policies', cloudformation: 'cloudformation' } as const
const tags = ['aws']

export function awsRoutes(app: Routes, aws: AwsService): void {
  app.get(
    '/api/aws/regions',
    { schema: { summary: 'Regions to choose from', tags, response: { 200: RegionList, ...errorAnswers } } },
    () => ({ regions: [...aws.regions()] }),
  )
  app.get(
    '/api/aws/identity',
    {
      schema: {
        summary: 'Who the credentials are, and which actions they lack',
        tags,
        response: { 200: AwsIdentityView, ...errorAnswers },
      },
    },
    () => aws.identity(AbortSignal.timeout(identityTimeoutMs)),
  )
  app.get(
    '/api/aws/policies',
    {
      schema: {
        summary: 'The least-privilege policy of the connector, and the role of VM Import',
        tags,
        querystring: PolicyQuery,
        response: { 200: Policies, ...errorAnswers },
      },
    },
    async (request, reply) => {
      const { format, ...whose } = request.query
      if (format !== undefined)
        reply.header('content-disposition', `attachment; filename="hoist-${fileNames[format]}.json"`)
      return reply.send(format === 'cloudformation' ? await aws.template(whose) : await aws.policies(whose))
    },
  )
  app.post(
    '/api/aws/bucket',
    {
      schema: {
        summary: "Make the connector's bucket, or check and repair the one that stands",
        tags,
        response: { 200: BucketView, ...errorAnswers },
      },
    },
    () => aws.createBucket(AbortSignal.timeout(bucketTimeoutMs)),
  )
}
