// The control port's routes that concern the AWS server, and the front's question about S3 requests. Neither exists in AWS.
import { isExpired } from './authenticate.ts'
import { type ContextEntries, callContext, denialMessage } from './authorize.ts'
import { AwsError } from './aws-error.ts'
import type { Lab, Quotas, Timing } from './config.ts'
import { evaluate } from './iam-policy.ts'
import { type PolicyDocument, vmimportPolicy, vmimportTrust } from './iam-store.ts'

type Route = [method: string, path: RegExp, run: (lab: Lab, body: Record<string, unknown>, name: string) => unknown]

const routes: Route[] = [
  ['GET', /^\/snapshots\/([^/]+)\/file$/, snapshotFile],
  ['POST', /^\/encryption-by-default$/, setEncryptionByDefault],
  ['DELETE', /^\/roles\/([\w-]+)$/, (lab, _body, name) => ({ deleted: lab.iam.roles.delete(name) })],
  ['POST', /^\/roles\/([\w-]+)$/, putRole],
  ['POST', /^\/buckets$/, setBucketOwner],
  ['POST', /^\/imports$/, failNextImport],
  ['POST', /^\/instances$/, putInstance],
  ['POST', /^\/clock$/, setClock],
  ['POST', /^\/tasks$/, (lab, body) => setNumbers(lab.timing, body)],
  ['POST', /^\/timing$/, (lab, body) => setNumbers(lab.timing, body)],
  ['POST', /^\/quotas$/, (lab, body) => setNumbers(lab.quotas, body)],
]

/** Answers one request to the control port. @param path without the prefix `/control`. */
export async function control(lab: Lab, method: string, path: string, body: Record<string, unknown>): Promise<unknown> {
  for (const [routeMethod, pattern, run] of routes) {
    const match = method === routeMethod ? pattern.exec(path) : null
    if (match !== null) return run(lab, body, match[1] ?? '')
  }
  throw new AwsError('NotFound', `the control port has no ${method} ${path}`, 404)
}

/** The raw file with a snapshot's whole content, for programs that read files. */
async function snapshotFile(lab: Lab, _body: object, id: string) {
  const { content } = lab.snapshots.get(id)
  const file = await content.flatten(lab.snapshots.flatPath(id))
  return { file, sizeBytes: content.sizeBytes }
}

function setEncryptionByDefault(lab: Lab, body: Record<string, unknown>) {
  lab.settings.encryptionByDefault = body.enabled === true
  return { enabled: lab.settings.encryptionByDefault }
}

/** Puts a role (back): what is not given is as in the lab's config. */
function putRole(lab: Lab, body: { trust?: PolicyDocument; policy?: PolicyDocument }, name: string) {
  lab.iam.roles.delete(name)
  const role = lab.iam.createRole(name, body.trust ?? lab.config.vmimport?.trust ?? vmimportTrust)
  role.inline.set(name, body.policy ?? lab.config.vmimport?.policy ?? vmimportPolicy)
  return { arn: role.arn }
}

/** Tells whose a bucket is, for VM Import's sake; whoever keeps the buckets says it. */
function setBucketOwner(lab: Lab, body: { name?: string; owner?: string }) {
  lab.bucketOwners.set(body.name ?? '', body.owner ?? lab.accountId)
  return { name: body.name, owner: body.owner }
}

function failNextImport(lab: Lab, body: { next?: { fail?: string } }) {
  lab.imports.nextFailure = body.next?.fail
  return {}
}

/** An instance that stands on an image, or a new state for one that is there. */
function putInstance(lab: Lab, body: { id?: string; imageId?: string; state?: string }) {
  return lab.instances.put(body, lab.now())
}

function setClock(lab: Lab, body: Record<string, unknown>) {
  lab.clock.skewMs = Number(body.skewMs ?? 0)
  return { skewMs: lab.clock.skewMs }
}

function setNumbers(target: Quotas | Timing, body: Record<string, unknown>) {
  for (const [name, value] of Object.entries(body)) {
    if (!Object.hasOwn(target, name) || typeof value !== 'number')
      throw new AwsError('BadRequest', `${name} cannot be set`)
  }
  return Object.assign(target, body)
}

type Question = {
  accessKeyId: string
  sessionToken?: string
  action: string
  resource: string
  context?: ContextEntries
}

/** The front's question: whose key is this, and may it do that? The front checks the signature with the secret it gets. */
export function answerFront(lab: Lab, question: Question) {
  const stored = lab.iam.findCredential(question.accessKeyId)
  if (stored === undefined || (stored.sessionToken ?? '') !== (question.sessionToken ?? '')) {
    const message = 'The AWS Access Key Id you provided does not exist in our records.'
    return { known: false, secretAccessKey: '', accountId: '', expired: false, allowed: false, message }
  }
  const { principal, secretAccessKey } = stored
  const context = callContext(lab, principal, question.context ?? {})
  const decision = evaluate(principal.policies(), question.action, question.resource, context)
  const allowed = decision === 'allowed'
  return {
    known: true,
    secretAccessKey,
    accountId: principal.accountId,
    expired: isExpired(lab, stored),
    allowed,
    message: allowed ? '' : denialMessage(principal, question.action, question.resource, decision),
  }
}
