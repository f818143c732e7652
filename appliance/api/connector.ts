// The connector: whether this machine may act for it, and the decision when it may not.
import type { Routes } from './routes.ts'
import { errorAnswers } from './schemas/common.ts'
import { ConnectorDecision, ConnectorView } from './schemas/connector.ts'

export interface ConnectorService {
  view(): Promise<ConnectorView>
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
