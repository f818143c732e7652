// The connector: whether this machine may act for it, the decision when it may not, and the connectors beside it.
import type { Routes } from './routes.ts'
import { errorAnswers } from './schemas/common.ts'
import { ConnectorDecision, ConnectorList, ConnectorView } from './schemas/connector.ts'

export interface ConnectorService {
  view(): Promise<ConnectorView>
  /** Those that share account, Region and vCenter. */
  list(): Promise<ConnectorList>
  /** @throws {ApplianceError} NOTHING_TO_DECIDE when the connector is not read-only */
  decide(decision: ConnectorDecision): Promise<ConnectorView>
}

const tags = ['connector']

export function connectorRoutes(app: Routes, connector: ConnectorService): void {
  const response = { 200: ConnectorView, ...errorAnswers }
  app.get(
    '/api/connector',
    { schema: { summary: 'The connector, its lease, and whether this machine may act for it', tags, response } },
    () => connector.view(),
  )
  app.get(
    '/api/connectors',
    {
      schema: {
        summary: 'The connectors that share the AWS account, its Region and the vCenter',
        description:
          'Known by the tag on images and snapshots, and by the extensions of vCenter. A side that does not answer is named in `problems`.',
        tags,
        response: { 200: ConnectorList, ...errorAnswers },
      },
    },
    () => connector.list(),
  )
  app.post(
    '/api/connector/decision',
    {
      schema: {
        summary: 'Decide what a read-only appliance is: the connector, or another one',
        description:
          'A clone of an appliance, or one whose database was restored, starts read-only: it answers CONNECTOR_READ_ONLY to whatever starts or removes something, until this decision.',
        tags,
        body: ConnectorDecision,
        response,
      },
    },
    request => connector.decide(request.body.decision),
  )
}
