// The independent witness: logs in to vCenter with node-vsphere-soap (docs/adr/0001), in a process of its own, and tells
// what it sees. It prints one JSON line: {"extension": ..., "snapshots": [names of all snapshots of all servers]}.
'use strict'

const { Client } = require('node-vsphere-soap')

const { host, username, password } = JSON.parse(process.env.WITNESS_VCENTER)
// With `true` it verifies, by the CA that NODE_EXTRA_CA_CERTS names: even the witness trusts nobody.
const client = new Client(host, username, password, true)

client.once('error', error => {
  process.stderr.write(`${error}\n`)
  process.exit(1)
})

client.once('ready', async () => {
  const content = client.serviceContent
  const found = await call('FindExtension', {
    _this: content.extensionManager,
    extensionKey: process.env.WITNESS_EXTENSION,
  })
  const view = await call('CreateContainerView', {
    _this: content.viewManager,
    container: content.rootFolder,
    type: ['VirtualMachine'],
    recursive: true,
  })
  const traversal = { attributes: { 'xsi:type': 'TraversalSpec' }, name: 'v', type: 'ContainerView', path: 'view' }
  const read = await call('RetrievePropertiesEx', {
    _this: content.propertyCollector,
    specSet: [
      {
        propSet: [{ type: 'VirtualMachine', all: false, pathSet: ['name', 'snapshot'] }],
        objectSet: [{ obj: view.returnval, skip: true, selectSet: [traversal] }],
      },
    ],
    options: {},
  })
  const servers = list(read.returnval?.objects)
  const snapshots = servers.flatMap(server =>
    list(server.propSet)
      .filter(property => property.name === 'snapshot')
      .flatMap(property => namesIn(property.val.rootSnapshotList)),
  )
  await call('Logout', { _this: content.sessionManager })
  process.stdout.write(
    `${JSON.stringify({ servers: servers.length, extension: found?.returnval ?? null, snapshots })}\n`,
  )
  process.exit(0)
})

function call(method, args) {
  return new Promise((resolve, reject) => {
    client.runCommand(method, args).once('result', resolve).once('error', reject)
  })
}

function namesIn(trees) {
  return list(trees).flatMap(tree => [tree.name, ...namesIn(tree.childSnapshotList)])
}

/** The parser gives one element as itself, and several as a list. */
function list(value) {
  return value === undefined || value === null ? [] : Array.isArray(value) ? value : [value]
}
