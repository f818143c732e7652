// Upgrades: what runs and what is on offer; bundles from an upload, an address or the bucket; installing one.
import type { Routes } from './routes.ts'
import { errorAnswers } from './schemas/common.ts'
import { AutoUpgradeBody, FetchBody, InstallBody, ReleaseList, UpgradeView } from './schemas/upgrade.ts'
import { takeUpload, type Upload, UploadBody, uploadRoutes, uploadType } from './upload-body.ts'

export interface UpgradeRoutesService {
  view(): Promise<UpgradeView>
  /** Takes a bundle as it comes; resolves when it is whole and verified. */
  upload(upload: Upload): Promise<UpgradeView>
  fetch(wanted: FetchBody): Promise<UpgradeView>
  cancel(): Promise<UpgradeView>
  discard(): Promise<UpgradeView>
  releases(): Promise<ReleaseList['items']>
  install(version: string): Promise<UpgradeView>
  configure(settings: AutoUpgradeBody): Promise<UpgradeView>
}

const tags = ['upgrade']
const answers = { 200: UpgradeView, ...errorAnswers }

export function upgradeRoutes(app: Routes, upgrade: UpgradeRoutesService): void {
  app.get(
    '/api/upgrade',
    { schema: { summary: 'What runs, what is on offer, what is under way', tags, response: answers } },
    () => upgrade.view(),
  )
  uploadRoutes(app, scope =>
    scope.post(
      '/api/upgrade/bundle',
      {
        schema: {
          summary: 'Upload a release bundle; it is verified while it comes, and takes the place of the one on offer',
          tags,
          consumes: [uploadType],
          body: UploadBody,
          response: { 201: UpgradeView, ...errorAnswers },
        },
      },
      async (request, reply) => reply.code(201).send(await takeUpload(request.raw, upload => upgrade.upload(upload))),
    ),
  )
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
