// The bill of materials: what dpkg and npm say, in CycloneDX's words.
import { join } from 'node:path'
import t from 'tap'
import {
  cycloneDx,
  debianComponents,
  licenceList,
  licencesOf,
  npmComponents,
  runtimeComponent,
} from '../../packer/sbom.ts'

const copyright = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: GPL-2+

Files: lib/*
License: BSD-3-clause

License: GPL-2+
 On Debian systems, see /usr/share/common-licenses/GPL-2.
License: Permission to use, copy, modify, and distribute this software and its
`

t.test('licences are taken from a copyright file of either kind; free words give none', async t => {
  t.strictSame(licencesOf(copyright), ['BSD-3-clause', 'GPL-2+'])
  t.strictSame(licencesOf('See /usr/share/common-licenses/LGPL-2.1, or\n/usr/share/common-licenses/GPL.\n'), [
    'GPL',
    'LGPL-2.1',
  ])
  t.strictSame(licencesOf('Do as you like.'), [])
})

t.test('what dpkg has installed is listed, what it has removed is not', async t => {
  const tree = t.testdir({
    var: {
      lib: {
        dpkg: {
          status: `Package: zlib1g
Status: install ok installed
Architecture: amd64
Version: 1:1.2.13+x-1
Description: a library
 Version: not this

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: adduser
Status: install ok installed
Architecture: all
Version: 3.134
`,
        },
      },
    },
    usr: { share: { doc: { zlib1g: { copyright }, adduser: { copyright: 'words' } } } },
  })
  t.strictSame(await debianComponents(tree), [
    {
      kind: 'debian',
      name: 'adduser',
      version: '3.134',
      purl: 'pkg:deb/debian/adduser@3.134?arch=all&distro=debian-12',
      licences: [],
      textAt: '/usr/share/doc/adduser/copyright',
    },
    {
      kind: 'debian',
      name: 'zlib1g',
      version: '1:1.2.13+x-1',
      purl: 'pkg:deb/debian/zlib1g@1%3A1.2.13%2Bx-1?arch=amd64&distro=debian-12',
      licences: ['BSD-3-clause', 'GPL-2+'],
      textAt: '/usr/share/doc/zlib1g/copyright',
    },
  ])
})

t.test('the document names every component, and is the same bytes twice', async t => {
  const components = [
    ...npmComponents(
      [
        { directory: 'node_modules/@scope/a', version: '1.0.0', licence: 'MIT OR Apache-2.0' },
        { directory: 'node_modules/x/node_modules/b', version: '2.0.0' },
      ],
      '/opt/hoist/releases/1.2.3',
    ),
    runtimeComponent('26.0.0', '/opt/hoist/releases/1.2.3'),
  ]
  const product = { version: '1.2.3', modifiedAt: 1_700_000_000 }
  const text = cycloneDx(components, product)
  t.equal(text, cycloneDx(components, product))
  t.match(JSON.parse(text), {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    serialNumber: /^urn:uuid:[0-9a-f-]{36}$/,
    metadata: { timestamp: '2023-11-14T22:13:20.000Z', component: { name: 'hoist', version: '1.2.3' } },
    components: [
      {
        type: 'library',
        group: '@scope',
        name: 'a',
        purl: 'pkg:npm/%40scope/a@1.0.0',
        licenses: [{ expression: 'MIT OR Apache-2.0' }],
      },
      { name: 'b', purl: 'pkg:npm/b@2.0.0', licenses: undefined },
      { type: 'platform', name: 'node', version: '26.0.0', licenses: [{ license: { id: 'MIT' } }] },
    ],
  })
  t.equal(
    licenceList(components),
    '@scope/a 1.0.0: MIT OR Apache-2.0 (/opt/hoist/releases/1.2.3/node_modules/@scope/a)\n' +
      'b 2.0.0: see its text (/opt/hoist/releases/1.2.3/node_modules/x/node_modules/b)\n' +
      'node 26.0.0: MIT (/opt/hoist/releases/1.2.3/bin/LICENSE)\n',
  )
})

t.test('every package of this checkout that ships can be named', async t => {
  const { servicePackages, pagePackages } = await import('../../packer/release-files.ts')
  const top = join(import.meta.dirname, '../..')
  const page = await pagePackages(top)
  t.strictSame(page.map(({ directory }) => directory).sort(), ['node_modules/preact', 'node_modules/uplot'])
  for (const { directory, licence } of [...(await servicePackages(top)), ...page]) t.ok(licence, directory)
})
