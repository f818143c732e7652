// Upgrades: what runs and what is on offer; bundles from an upload, an address or the bucket; installing one.
import type { IncomingMessage } from 'node:http'
import { Type } from 'typebox'
import type { Routes } from './routes.ts'
import { errorAnswers } from './schemas/common.ts'
import { AutoUpgradeBody, FetchBody, InstallBody, ReleaseList, UpgradeView } from './schemas/upgrade.ts'
import { validatorCompiler } from './validator.ts'

export interface UpgradeRoutesService {
  view(): Promise<UpgradeView>
  /** Takes a bundle as it comes; resolves when it is whole and verified. */
  upload(source: { content: AsyncIterable<Buffer>; sizeBytes?: number; close(): void }): Promise<UpgradeView>
  fetch(wanted: FetchBody): Promise<UpgradeView>
  cancel(): Promise<UpgradeView>
  discard(): Promise<UpgradeView>
  releases(): Promise<ReleaseList['items']>
  install(version: string): Promise<UpgradeView>
  configure(settings: AutoUpgradeBody): Promise<UpgradeView>
}

const tags = ['upgrade']
const answers = { 200: UpgradeView, ...errorAnswers }

export async function upgradeRoutes(app: Routes, upgrade: UpgradeRoutesService): Promise<void> {
  app.get(
    '/api/upgrade',
    { schema: { summary: 'What runs, what is on offer, what is under way', tags, response: answers } },
    () => upgrade.view(),
  )
  // In a scope of its own: no other route takes such a body.
  await app.register(async (scope: Routes) => {
    scope.removeAllContentTypeParsers()
    // Neither read nor kept: the route takes it from the connection, piece by piece.
    scope.addContentTypeParser('application/octet-stream', (_request, _payload, done) => done(null, undefined))
    scope.post(
      '/api/upgrade/bundle',
      {
        schema: {
          summary: 'Upload a release bundle; it is verified while it comes, and takes the place of the one on offer',
          tags,
          consumes: ['application/octet-stream'],
          body: Type.Unsafe<undefined>({ type: 'string', format: 'binary' }),
          response: { 201: UpgradeView, ...errorAnswers },
        },
        validatorCompiler: route => (route.httpPart === 'body' ? () => true : validatorCompiler(route)),
      },
      async (request, reply) => reply.code(201).send(await upgrade.upload(sourceOf(request.raw))),
    )
  })
  app.delete(
    '/api/upgrade/bundle',
    { schema: { summary: 'Remove the bundle on offer', tags, response: answers } },
    () => upgrade.discard(),
  )
  app.post(
    '/api/upgrade/fetch',
    {
      schema: {
        summary:
          "Begin to fetch a bundle from an https address, through the proxy if one is set, or from the connector's bucket",
        tags,
        body: FetchBody,
        response: { 202: UpgradeView, ...errorAnswers },
      },
    },
    async (request, reply) => reply.code(202).send(await upgrade.fetch(request.body)),
  )
  app.delete(
    '/api/upgrade/fetch',
    { schema: { summary: 'Give up the bundle that is being received', tags, response: answers } },
    () => upgrade.cancel(),
  )
  app.get(
    '/api/upgrade/releases',
    {
      schema: {
        summary: "Bundles in the connector's bucket, below releases/",
        tags,
        response: { 200: ReleaseList, ...errorAnswers },
      },
    },
    async () => ({ items: await upgrade.releases() }),
  )
  app.post(
    '/api/upgrade/install',
    {
      schema: {
        summary:
          'Install the release on offer: the service stops for a minute or two, and goes back by itself if it is not well',
        tags,
        body: InstallBody,
        response: { 202: UpgradeView, ...errorAnswers },
      },
    },
    async (request, reply) => reply.code(202).send(await upgrade.install(request.body.version)),
  )
  app.put(
    '/api/upgrade/settings',
    {
      schema: {
        summary: 'Whether newer releases are looked for daily, and installed in a window',
        tags,
        body: AutoUpgradeBody,
        response: answers,
      },
    },
    request => upgrade.configure(request.body),
  )
}

/** What is not taken of it is read to its end, and thrown away: a browser sees an answer only when all has been sent. */
function sourceOf(raw: IncomingMessage) {
  const content = raw.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>
  const length = raw.headers['content-length']
  return {
    content,
    ...(length === undefined ? {} : { sizeBytes: Number(length) }),
    close() {
      void throwAway(content).catch(() => undefined) // Whoever has gone away wants no answer.
    },
  }
}

async function throwAway(content: AsyncIterableIterator<Buffer>): Promise<void> {
  while (!(await content.next()).done);
}
