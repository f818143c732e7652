// What the wizard shows of AWS, before and after there are credentials.
import t from 'tap'
import { awsSetupService } from '../../appliance/setup/aws-setup.ts'
import { startLab } from '../lab/lab.ts'
import { applianceParts, awsSecret, awsSettings } from './appliance-parts.ts'

const lab = await startLab({ vcenter: false })
t.teardown(() => lab.stop())
const { store, connections } = await applianceParts(t)
const topic = 'arn:aws:sns:eu-central-1:999999999999:others'
const setup = awsSetupService({ settings: store.settings, connections, topicArns: async () => [topic] })

t.test('before there are credentials: Regions, and policies for an account that is named', async t => {
  t.ok(setup.regions().some(({ id, name }) => id === 'eu-central-1' && name === 'Europe (Frankfurt)'))
  await t.rejects(setup.policies({}), { code: 'NOT_CONFIGURED', hint: /account/ })
  await t.rejects(setup.policies({ region: 'eu-central-1' }), { code: 'NOT_CONFIGURED' })
  await t.rejects(setup.identity(AbortSignal.timeout(5_000)), { code: 'NOT_CONFIGURED' })
  const policies = await setup.policies({ accountId: '123456789012', region: 'cn-north-1' })
  t.match(JSON.stringify(policies.connector), /arn:aws-cn:ec2:cn-north-1:123456789012/)
  t.notOk(policies.accessKey)
})

t.test('with them: who we are, what is missing, and the same documents in the template', async t => {
  await connections.changeAws(awsSettings(lab), awsSecret(lab))
  t.same(await setup.identity(AbortSignal.timeout(30_000)), {
    accountId: lab.aws.accountId,
    arn: `arn:aws:iam::${lab.aws.accountId}:user/connector`,
    // A topic of another account needs the new policy.
    missingActions: ['sns:Publish'],
    uncheckedActions: [],
    checkedBy: 'simulation',
  })
  const policies = await setup.policies({})
  t.match(JSON.stringify(policies.connector), new RegExp(`${lab.aws.accountId}.*${topic}`))
  t.match(await setup.template({}), {
    Resources: { ConnectorPolicy: { Properties: { PolicyDocument: policies.connector } } },
  })
})

t.test('who assumes a role is given the policy of the access key too', async t => {
  const assumeRoleArn = `arn:aws:iam::${lab.aws.accountId}:role/hoist`
  await store.settings.setAws({ ...awsSettings(lab), assumeRoleArn })
  t.match((await setup.policies({})).accessKey, { Statement: [{ Action: 'sts:AssumeRole', Resource: assumeRoleArn }] })
})
