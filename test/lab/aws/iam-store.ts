// Users, access keys, sessions and roles of the lab's account, and whom a key stands for.
import { randomBytes } from 'node:crypto'
import { AwsError } from './aws-error.ts'
import type { LabAwsConfig } from './config.ts'
import type { PolicyDocument } from './iam-policy.ts'

export type { PolicyDocument } from './iam-policy.ts'

export type Role = {
  name: string
  arn: string
  id: string
  description?: string
  createdAt: Date
  maxSessionSeconds: number
  trust: PolicyDocument
  inline: Map<string, PolicyDocument>
  tags: { Key: string; Value: string }[]
}

export type User = {
  name: string
  arn: string
  id: string
  createdAt: Date
  inline: Map<string, PolicyDocument>
}

/** Who signed a request. */
export type Principal = {
  arn: string
  userId: string
  accountId: string
  /** The user or role whose policies count. */
  policies: () => PolicyDocument[]
  user?: User
}

export type StoredCredential = {
  secretAccessKey: string
  principal: Principal
  sessionToken?: string
  expiresAtMs?: number
}

const allowAll: PolicyDocument = { Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }

/** The trust that VM Import's role needs (VM Import/Export User Guide, "Required service role"). */
export const vmimportTrust: PolicyDocument = {
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { Service: 'vmie.amazonaws.com' },
      Action: 'sts:AssumeRole',
      Condition: { StringEquals: { 'sts:Externalid': 'vmimport' } },
    },
  ],
}

/** A policy that lets VM Import read every bucket of the lab; the appliance's own is narrower. */
export const vmimportPolicy: PolicyDocument = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: ['s3:GetBucketLocation', 's3:GetObject', 's3:ListBucket'], Resource: 'arn:aws:s3:::*' },
    {
      Effect: 'Allow',
      Action: ['ec2:ModifySnapshotAttribute', 'ec2:CopySnapshot', 'ec2:RegisterImage', 'ec2:Describe*'],
      Resource: '*',
    },
  ],
}

export class IamStore {
  readonly accountId: string
  readonly users = new Map<string, User>()
  readonly roles = new Map<string, Role>()
  private readonly credentials = new Map<string, StoredCredential>()

  constructor(config: LabAwsConfig) {
    this.accountId = config.accountId
    const admin = this.createUser('admin')
    admin.inline.set('all', allowAll)
    this.addKey(admin, config.admin.accessKeyId, config.admin.secretAccessKey)
    const connector = this.createUser('connector')
    if (config.connector.policy !== undefined) connector.inline.set('connector', config.connector.policy)
    this.addKey(connector, config.connector.accessKeyId, config.connector.secretAccessKey)
    if (config.vmimport !== undefined) {
      const role = this.createRole('vmimport', config.vmimport.trust ?? vmimportTrust)
      role.inline.set('vmimport', config.vmimport.policy ?? vmimportPolicy)
    }
  }

  findCredential(accessKeyId: string): StoredCredential | undefined {
    return this.credentials.get(accessKeyId)
  }

  createUser(name: string): User {
    if (this.users.has(name)) throw new AwsError('EntityAlreadyExists', `User with name ${name} already exists.`, 409)
    const user: User = {
      name,
      arn: `arn:aws:iam::${this.accountId}:user/${name}`,
      id: uniqueId('AIDA'),
      createdAt: new Date(),
      inline: new Map(),
    }
    this.users.set(name, user)
    return user
  }

  addKey(user: User, accessKeyId: string, secretAccessKey: string): void {
    const principal = {
      arn: user.arn,
      userId: user.id,
      accountId: this.accountId,
      policies: () => [...user.inline.values()],
      user,
    }
    this.credentials.set(accessKeyId, { secretAccessKey, principal })
  }

  createRole(name: string, trust: PolicyDocument): Role {
    if (this.roles.has(name)) throw new AwsError('EntityAlreadyExists', `Role with name ${name} already exists.`, 409)
    const role: Role = {
      name,
      arn: `arn:aws:iam::${this.accountId}:role/${name}`,
      id: uniqueId('AROA'),
      createdAt: new Date(),
      maxSessionSeconds: 3600,
      trust,
      inline: new Map(),
      tags: [],
    }
    this.roles.set(name, role)
    return role
  }

  role(name: string): Role {
    const role = this.roles.get(name)
    if (role === undefined) throw new AwsError('NoSuchEntity', `The role with name ${name} cannot be found.`, 404)
    return role
  }

  user(name: string): User {
    const user = this.users.get(name)
    if (user === undefined) throw new AwsError('NoSuchEntity', `The user with name ${name} cannot be found.`, 404)
    return user
  }

  /** A session of a role: a key of its own, good until `expiresAtMs` and only with its token. */
  openSession(role: Role, sessionName: string, expiresAtMs: number) {
    const accessKeyId = uniqueId('ASIA')
    const secretAccessKey = randomBytes(30).toString('base64')
    const sessionToken = randomBytes(90).toString('base64')
    const principal: Principal = {
      arn: `arn:aws:sts::${this.accountId}:assumed-role/${role.name}/${sessionName}`,
      userId: `${role.id}:${sessionName}`,
      accountId: this.accountId,
      policies: () => [...role.inline.values()],
    }
    this.credentials.set(accessKeyId, { secretAccessKey, principal, sessionToken, expiresAtMs })
    return { accessKeyId, secretAccessKey, sessionToken, principal }
  }
}

/** Ids as IAM makes them: a prefix that tells the kind and capital letters. */
export function uniqueId(prefix: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  return prefix + [...randomBytes(16)].map(byte => alphabet[byte & 31]).join('')
}

export function parsePolicy(text: string | undefined): PolicyDocument {
  try {
    const policy = JSON.parse(text ?? '') as PolicyDocument
    if (policy.Statement === undefined) throw new Error('no Statement')
    return policy
  } catch {
    throw new AwsError('MalformedPolicyDocument', 'This policy contains invalid Json')
  }
}
