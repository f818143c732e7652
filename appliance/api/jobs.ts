// Replication jobs: make, change, start, delete.
import { Type } from 'typebox'
import type { Job, Run } from '../domain.ts'
import type { Routes } from './routes.ts'
import { errorAnswers, IdParams } from './schemas/common.ts'
import { JobDeletion, JobList, JobPatch, JobsAnswer, JobsBody, JobView } from './schemas/jobs.ts'
import { RunView } from './schemas/runs.ts'

export interface JobService {
  /** Makes a job for each server that can have one, and says why for each that cannot. */
  create(body: JobsBody): Promise<{
    created: Job[]
    refused: { serverId: string; code: string; message: string; hint: string }[]
  }>
  list(): Promise<Job[]>
  get(id: string): Promise<Job>
  change(id: string, patch: JobPatch): Promise<Job>
  /** Cancels its run and forgets the job; images stay. */
  remove(id: string, options: { images?: boolean }): Promise<void>
  /** Starts a run now, besides the schedule. */
  start(id: string): Promise<Run>
}

const tags = ['jobs']

export function jobRoutes(app: Routes, jobs: JobService): void {
  app.post(
    '/api/jobs',
    {
      schema: {
        summary: 'Make a replication job for each of these servers',
        tags,
        body: JobsBody,
        response: { 201: JobsAnswer, ...errorAnswers },
      },
    },
    async (request, reply) => reply.code(201).send(await jobs.create(request.body)),
  )
  app.get(
    '/api/jobs',
    { schema: { summary: 'All jobs', tags, response: { 200: JobList, ...errorAnswers } } },
    async () => ({
      items: await jobs.list(),
    }),
  )
  app.get(
    '/api/jobs/:id',
    { schema: { summary: 'One job', tags, params: IdParams, response: { 200: JobView, ...errorAnswers } } },
    request => jobs.get(request.params.id),
  )
  app.patch(
    '/api/jobs/:id',
    {
      schema: {
        summary: 'Pause, resume or change a job; what is absent stays',
        tags,
        params: IdParams,
        body: JobPatch,
        response: { 200: JobView, ...errorAnswers },
      },
    },
    request => jobs.change(request.params.id, request.body),
  )
  app.delete(
    '/api/jobs/:id',
    {
      schema: {
        summary: 'Cancel its run and delete the job; its images stay unless they are to go, too',
        tags,
        params: IdParams,
        querystring: JobDeletion,
        response: { 204: Type.Null(), ...errorAnswers },
      },
    },
    async (request, reply) => {
      await jobs.remove(request.params.id, request.query)
      return reply.code(204).send(null)
    },
  )
  for (const [verb, state, summary] of [
    ['pause', 'paused', 'Pause a job: nothing of it is due until it is resumed; a run that goes on goes on'],
    ['resume', 'active', 'Resume a job, also one that the appliance has paused'],
  ] as const) {
    app.post(
      `/api/jobs/:id/${verb}`,
      { schema: { summary, tags, params: IdParams, response: { 200: JobView, ...errorAnswers } } },
      request => jobs.change(request.params.id, { state }),
    )
  }
  app.post(
    '/api/jobs/:id/runs',
    {
      schema: {
        summary: 'Start a run now',
        tags,
        params: IdParams,
        response: { 202: RunView, ...errorAnswers },
      },
    },
    async (request, reply) => reply.code(202).send(await jobs.start(request.params.id)),
  )
}
