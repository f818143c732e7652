// KMS, as far as EBS and VM Import need it: keys that exist or not, their aliases, grants.
import { randomBytes, randomUUID } from 'node:crypto'
import type { CreateGrantRequest, CreateKeyRequest, DescribeKeyRequest } from '@aws-sdk/client-kms'
import { authorize, type Call } from './authorize.ts'
import { AwsError } from './aws-error.ts'

export type KmsKey = { id: string; arn: string; manager: 'AWS' | 'CUSTOMER'; description: string; createdAt: Date }

export class KmsStore {
  readonly keys = new Map<string, KmsKey>()
  readonly aliases = new Map<string, KmsKey>()
  readonly grants: { id: string; keyArn: string; grantee: string; operations: string[] }[] = []
  private readonly arnPrefix: string

  constructor(region: string, accountId: string) {
    this.arnPrefix = `arn:aws:kms:${region}:${accountId}`
    this.aliases.set(
      'alias/aws/ebs',
      this.create('AWS', 'Default key that protects my EBS volumes when no other key is defined'),
    )
  }

  create(manager: KmsKey['manager'], description: string): KmsKey {
    const id = randomUUID()
    const key: KmsKey = { id, arn: `${this.arnPrefix}:key/${id}`, manager, description, createdAt: new Date() }
    this.keys.set(id, key)
    return key
  }

  /** A key by id, ARN, alias or alias ARN. */
  find(name: string): KmsKey | undefined {
    const local = name.startsWith('arn:')
      ? name.startsWith(`${this.arnPrefix}:`)
        ? name.slice(this.arnPrefix.length + 1)
        : ''
      : name
    return this.aliases.get(local) ?? this.keys.get(local.replace(/^key\//, ''))
  }

  aliasArn(name: string): string {
    return `${this.arnPrefix}:${name}`
  }
}

/**
 * The ARN of a key that a caller names, or of the account's default.
 * @throws the error that EC2 gives for a key that is not there.
 */
export function resolveKey(call: Call, name: string | undefined): string {
  if (name === undefined) return call.lab.settings.defaultKmsKeyArn
  const key = call.lab.kms.find(name)
  if (key === undefined) {
    throw new AwsError(
      'InvalidParameterValue',
      `Invalid KMS key: ${name}. The key does not exist or cannot be used in this Region.`,
    )
  }
  return key.arn
}

function existing(call: Call, name: string | undefined): KmsKey {
  const key = call.lab.kms.find(name ?? '')
  if (key === undefined) throw new AwsError('NotFoundException', `Key '${name}' does not exist`)
  return key
}

function describe(key: KmsKey, accountId: string) {
  return {
    AWSAccountId: accountId,
    KeyId: key.id,
    Arn: key.arn,
    CreationDate: key.createdAt.getTime() / 1000,
    Enabled: true,
    Description: key.description,
    KeyUsage: 'ENCRYPT_DECRYPT',
    KeyState: 'Enabled',
    Origin: 'AWS_KMS',
    KeyManager: key.manager,
    KeySpec: 'SYMMETRIC_DEFAULT',
    CustomerMasterKeySpec: 'SYMMETRIC_DEFAULT',
    EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'],
    MultiRegion: false,
  }
}

function createKey(input: CreateKeyRequest, call: Call) {
  authorize(call, 'kms:CreateKey')
  return { KeyMetadata: describe(call.lab.kms.create('CUSTOMER', input.Description ?? ''), call.lab.accountId) }
}

function createAlias(input: { AliasName?: string; TargetKeyId?: string }, call: Call) {
  const key = existing(call, input.TargetKeyId)
  authorize(call, 'kms:CreateAlias', key.arn)
  const name = input.AliasName ?? ''
  if (!/^alias\/(?!aws\/)[\w/-]+$/.test(name))
    throw new AwsError('InvalidAliasNameException', `Alias ${name} is not valid`)
  if (call.lab.kms.aliases.has(name))
    throw new AwsError('AlreadyExistsException', `An alias with the name ${name} already exists`)
  call.lab.kms.aliases.set(name, key)
  return undefined
}

function describeKey(input: DescribeKeyRequest, call: Call) {
  const key = existing(call, input.KeyId)
  authorize(call, 'kms:DescribeKey', key.arn)
  return { KeyMetadata: describe(key, call.lab.accountId) }
}

function createGrant(input: CreateGrantRequest, call: Call) {
  const key = existing(call, input.KeyId)
  authorize(call, 'kms:CreateGrant', key.arn)
  const id = randomBytes(32).toString('hex')
  call.lab.kms.grants.push({
    id,
    keyArn: key.arn,
    grantee: input.GranteePrincipal ?? '',
    operations: input.Operations ?? [],
  })
  return { GrantId: id, GrantToken: randomBytes(48).toString('base64') }
}

function listAliases(_input: object, call: Call) {
  authorize(call, 'kms:ListAliases')
  const { aliases } = call.lab.kms
  return {
    Aliases: [...aliases].map(([name, key]) => ({
      AliasName: name,
      AliasArn: call.lab.kms.aliasArn(name),
      TargetKeyId: key.id,
    })),
    Truncated: false,
  }
}

export const kmsOperations = {
  CreateKey: createKey,
  CreateAlias: createAlias,
  DescribeKey: describeKey,
  CreateGrant: createGrant,
  ListAliases: listAliases,
}
