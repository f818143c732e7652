// Notifications: the channels they go to, the Test button of each, and what was told.
import { Type } from 'typebox'
import type { NotificationTarget } from '../domain.ts'
import { toApplianceError } from '../errors.ts'
import type { NotificationService } from '../notify/service.ts'
import type { Routes } from './routes.ts'
import { errorAnswers, IdParams, PageQuery, strict } from './schemas/common.ts'
import {
  ChannelBody,
  ChannelList,
  ChannelPatch,
  ChannelView,
  NotificationPage,
  type TargetBody,
  TestAnswer,
} from './schemas/notifications.ts'

/** Longer than webhooks and mail servers are given: only AWS is cut off by it. */
const testTimeoutMs = 75_000

const tags = ['notifications']

export function notificationRoutes(app: Routes, notifications: NotificationService): void {
  app.get(
    '/api/notifications/channels',
    { schema: { summary: 'All channels, without secrets', tags, response: { 200: ChannelList, ...errorAnswers } } },
    async () => ({ items: await notifications.list() }),
  )
  app.post(
    '/api/notifications/channels',
    {
      schema: {
        summary: 'Make a channel',
        tags,
        body: ChannelBody,
        response: { 201: ChannelView, ...errorAnswers },
      },
    },
    async (request, reply) => {
      const { name, enabled = true, events, target } = request.body
      const made = await notifications.create({ name, enabled, events, ...withoutSecret(target) })
      return reply.code(201).send(made)
    },
  )
  app.get(
    '/api/notifications/channels/:id',
    { schema: { summary: 'One channel', tags, params: IdParams, response: { 200: ChannelView, ...errorAnswers } } },
    request => notifications.get(request.params.id),
  )
  app.patch(
    '/api/notifications/channels/:id',
    {
      schema: {
        summary: 'Change a channel; what is absent stays, a secret too',
        tags,
        params: IdParams,
        body: ChannelPatch,
        response: { 200: ChannelView, ...errorAnswers },
      },
    },
    request => {
      const { target, ...rest } = request.body
      return notifications.change(request.params.id, {
        ...rest,
        ...(target === undefined ? {} : withoutSecret(target)),
      })
    },
  )
  app.delete(
    '/api/notifications/channels/:id',
    {
      schema: {
        summary: 'Delete a channel, and what it has still to deliver',
        tags,
        params: IdParams,
        response: { 204: Type.Null(), ...errorAnswers },
      },
    },
    async (request, reply) => {
      await notifications.remove(request.params.id)
      return reply.code(204).send(null)
    },
  )
  app.post(
    '/api/notifications/channels/:id/test',
    {
      schema: {
        summary: 'Send a test now, and say whether the receiver took it',
        tags,
        params: IdParams,
        response: { 200: TestAnswer, ...errorAnswers },
      },
    },
    request => test(notifications, request.params.id),
  )
  app.get(
    '/api/notifications',
    {
      schema: {
        summary: 'What was told, newest first, and how far it came on each channel',
        tags,
        querystring: Type.Object(PageQuery, strict),
        response: { 200: NotificationPage, ...errorAnswers },
      },
    },
    async request => {
      const { items, next } = await notifications.history(request.query)
      return {
        items: items.map(({ notification, deliveries }) => ({ ...notification, deliveries })),
        ...(next === undefined ? {} : { next }),
      }
    },
  )
}

/** A receiver that refuses is what the test is for: its answer, not an error of the API. */
async function test(notifications: NotificationService, id: string): Promise<TestAnswer> {
  await notifications.get(id)
  try {
    await notifications.test(id, AbortSignal.timeout(testTimeoutMs))
    return { delivered: true }
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === 'TimeoutError') {
      const hint = 'Check network, DNS, proxy and endpoint settings.'
      return { delivered: false, error: { code: 'AWS_UNREACHABLE', message: 'AWS gave no answer in time.', hint } }
    }
    const error = toApplianceError(thrown)
    if (error.code === 'INTERNAL') throw error
    const { code, message, hint } = error
    return { delivered: false, error: { code, message, hint } }
  }
}

function withoutSecret(body: TargetBody): { target: NotificationTarget; secret?: string } {
  if (body.kind === 'sns') return { target: body }
  if (body.kind === 'webhook') {
    const { signingKey, ...target } = body
    return { target, ...(signingKey === undefined ? {} : { secret: signingKey }) }
  }
  const { password, ...target } = body
  return { target, ...(password === undefined ? {} : { secret: password }) }
}
