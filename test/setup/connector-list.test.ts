// The connectors beside this one: what both sides say is joined, and one side is told while the other is away.
import t from 'tap'
import type { Connections } from '../../appliance/setup/connections.ts'
import { connectorLister } from '../../appliance/setup/connector-list.ts'
import { registerConnector } from '../../appliance/setup/registration.ts'
import { startLab } from '../lab/lab.ts'
import { applianceParts, connectBoth } from './appliance-parts.ts'

const never = new AbortController().signal

t.test('with the lab', async t => {
  const lab = await startLab()
  t.teardown(() => lab.stop())

  t.test('before anything is set up there is this one alone, and both sides are named', async t => {
    const { store, connections } = await applianceParts(t)
    const listed = await connectorLister(store.settings, connections)()
    t.match(listed, {
      items: [{ id: /^[0-9a-f]{12}$/, isThis: true, aws: undefined, vcenter: undefined }],
      problems: [
        { side: 'aws', code: 'NOT_CONFIGURED' },
        { side: 'vcenter', code: 'NOT_CONFIGURED' },
      ],
      region: undefined,
    })
    t.equal(listed.items.length, 1)
  })

  t.test('this one comes first, with what both sides know of it; a former one is in vCenter only', async t => {
    const parts = await applianceParts(t)
    await connectBoth(lab, parts)
    const { store, connections } = parts
    const { id } = await registerConnector(store.settings, connections, '1.2.3', never)
    const list = connectorLister(store.settings, connections)
    t.match(await list(), {
      items: [
        { id, isThis: true, aws: { images: 0, snapshots: 0 }, vcenter: { version: '1.2.3', lastSeenAt: String } },
      ],
      problems: [],
      region: lab.aws.region,
    })
    await store.settings.setConnector({ id: 'zz', mark: 0, generation: 'g' })
    const { items } = await list()
    t.same(
      items.map(item => [item.id, item.isThis, item.vcenter !== undefined, item.aws]),
      [
        ['zz', true, false, { images: 0, snapshots: 0 }],
        [id, false, true, { images: 0, snapshots: 0 }],
      ],
    )
  })

  t.test('while AWS refuses, the part of vCenter is told all the same', async t => {
    const parts = await applianceParts(t)
    await connectBoth(lab, parts)
    const { id } = await registerConnector(parts.store.settings, parts.connections, '1.2.3', never)
    await lab.awsControl('POST', '/faults', {
      ...{ service: 'ec2', operation: 'DescribeImages', kind: 'error', code: 'UnauthorizedOperation' },
      ...{ message: 'You are not authorized', statusCode: 403 },
    })
    const listed = await connectorLister(parts.store.settings, parts.connections)()
    t.match(listed, {
      items: [{ id, vcenter: { version: '1.2.3' }, aws: undefined }],
      problems: [{ side: 'aws', message: /ec2:DescribeImages/ }],
    })
    t.equal(listed.problems.length, 1)
  })
})

t.test('a side that never answers is waited for no longer than told', async t => {
  const { store } = await applianceParts(t)
  // The clock of a signal alone keeps no process alive; a server's socket does.
  const alive = setInterval(() => undefined, 1_000)
  t.teardown(() => clearInterval(alive))
  const hangs = () => new Promise<never>(() => undefined)
  const connections = { aws: hangs, vcenter: hangs } as unknown as Connections
  t.match(await connectorLister(store.settings, connections, 20)(), {
    items: [{ isThis: true }],
    problems: [
      { side: 'aws', code: 'AWS_UNREACHABLE' },
      { side: 'vcenter', code: 'VCENTER_UNREACHABLE' },
    ],
  })
})

t.test('a fault of the appliance itself is no problem of a side', async t => {
  const { store } = await applianceParts(t)
  const broken = async () => {
    throw new TypeError('a slip')
  }
  const connections = { aws: broken, vcenter: broken } as unknown as Connections
  await t.rejects(connectorLister(store.settings, connections)(), TypeError)
})
