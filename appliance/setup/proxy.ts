// The proxy on the way to AWS: entered once, before or after AWS itself, proven by use, its password a secret.
import { type AwsSecret, createAwsClients } from '../aws/clients.ts'
import { identify } from '../aws/credentials.ts'
import type { AwsSettings } from '../domain.ts'
import { ApplianceError, toApplianceError } from '../errors.ts'
import type { SecretStore } from '../store/secrets.ts'
import type { ProxySettings, SettingsRepository } from '../store/settings.ts'
import type { Connections } from './connections.ts'

export interface ProxyBody {
  /** Absent: AWS is reached without one. */
  url?: string
  username?: string
  /** Absent: the stored one, while URL and user name stay the same. */
  password?: string
}

export interface ProxyView extends ProxySettings {
  hasPassword: boolean
}

export interface ProxyOptions {
  settings: SettingsRepository
  secrets: SecretStore
  connections: Pick<Connections, 'changeAws'>
}

/** Before a Region was chosen any will do: what is asked is whether AWS answers at all. */
const anyRegion = 'us-east-1'

export function proxyService({ settings, secrets, connections }: ProxyOptions) {
  async function view(): Promise<ProxyView | undefined> {
    const proxy = await settings.getProxy()
    return proxy && { ...proxy, hasPassword: (await storedPassword(secrets)) !== undefined }
  }

  return {
    view,

    /** Asks AWS who we are through the new proxy, and keeps it only if AWS answers. @throws {ApplianceError} INVALID_REQUEST, AWS_* */
    async change(body: ProxyBody): Promise<ProxyView | undefined> {
      const proxy = proxyOf(body)
      const password = proxy && (body.password ?? (await keptPassword(proxy, settings, secrets)))
      const aws = await settings.getAws()
      if (aws) {
        await connections.changeAws(withProxy(aws, proxy), await secretOf(secrets, password))
      } else {
        await proveProxy(proxy, password)
        if (password === undefined) await secrets.delete('aws.proxyPassword')
        else await secrets.set('aws.proxyPassword', password)
      }
      await settings.setProxy(proxy)
      return await view()
    },

    /** Settings of AWS that name no proxy take the one that was entered before. */
    async fill(aws: AwsSettings, secret: AwsSecret): Promise<{ aws: AwsSettings; secret: AwsSecret }> {
      const proxy = await settings.getProxy()
      if (aws.proxyUrl !== undefined || !proxy) return { aws, secret }
      const proxyPassword = await storedPassword(secrets)
      return {
        aws: withProxy(aws, proxy),
        secret: { ...secret, ...(proxyPassword === undefined ? {} : { proxyPassword }) },
      }
    },

    /** To be told of settings of AWS that were kept: they may have named another proxy. */
    async keptWith({ proxyUrl, proxyUsername }: AwsSettings): Promise<void> {
      const proxy = proxyUrl === undefined ? undefined : named(proxyUrl, proxyUsername)
      await settings.setProxy(proxy)
    },
  }
}

function proxyOf({ url: text, username, password }: ProxyBody): ProxySettings | undefined {
  if (text === undefined) {
    if (username === undefined && password === undefined) return undefined
    throw new ApplianceError('INVALID_REQUEST', 'A user name or password without a proxy', {
      hint: 'Enter the URL of the proxy too.',
    })
  }
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new ApplianceError('INVALID_REQUEST', 'The URL of the proxy is not one that can be used', {
      hint: 'Enter it as http://host:port; user name and password have fields of their own.',
    })
  }
  return named(text, username)
}

function named(url: string, username: string | undefined): ProxySettings {
  return { url, ...(username === undefined ? {} : { username }) }
}

/** A stored password is never sent to another host, nor for another user. */
async function keptPassword(
  proxy: ProxySettings,
  settings: SettingsRepository,
  secrets: SecretStore,
): Promise<string | undefined> {
  const former = await settings.getProxy()
  return former?.url === proxy.url && former.username === proxy.username ? await storedPassword(secrets) : undefined
}

/** One that cannot be unsealed counts as none: entering it again is the cure. */
async function storedPassword(secrets: SecretStore): Promise<string | undefined> {
  try {
    return await secrets.get('aws.proxyPassword')
  } catch (thrown) {
    if (toApplianceError(thrown).code === 'SECRET_UNREADABLE') return undefined
    throw thrown
  }
}

async function secretOf(secrets: SecretStore, proxyPassword: string | undefined): Promise<AwsSecret> {
  const secretAccessKey = await secrets.get('aws.secretAccessKey')
  if (secretAccessKey === undefined) {
    throw new ApplianceError('NOT_CONFIGURED', 'The AWS access key has no secret', {
      hint: 'Enter the AWS settings again.',
    })
  }
  const sessionToken = await secrets.get('aws.sessionToken')
  return {
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
    ...(proxyPassword === undefined ? {} : { proxyPassword }),
  }
}

function withProxy(aws: AwsSettings, proxy: ProxySettings | undefined): AwsSettings {
  const { proxyUrl: _url, proxyUsername: _username, ...rest } = aws
  if (!proxy) return rest
  const { url, username } = proxy
  return { ...rest, proxyUrl: url, ...(username === undefined ? {} : { proxyUsername: username }) }
}

/** There are no credentials yet: that AWS refuses made-up ones shows that it was AWS who answered. */
async function proveProxy(proxy: ProxySettings | undefined, proxyPassword: string | undefined): Promise<void> {
  // Without a proxy there is nothing to prove: the AWS settings themselves will be.
  if (!proxy) return
  const empty = { region: anyRegion, accessKeyId: 'AKIA0000000000000000', endpoints: {}, importRoleName: 'vmimport' }
  const clients = createAwsClients({
    settings: withProxy(empty, proxy),
    secret: { secretAccessKey: '0'.repeat(40), ...(proxyPassword === undefined ? {} : { proxyPassword }) },
  })
  try {
    await identify(clients)
  } catch (thrown) {
    if (toApplianceError(thrown).code !== 'AWS_CREDENTIALS_INVALID') throw thrown
  } finally {
    clients.destroy()
  }
}
