// The bill of materials: every Debian package, npm package and the runtime in an image, as CycloneDX 1.5 and as a plain list of licences.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nameUuid } from './name-uuid.ts'
import type { ShippedPackage } from './release-files.ts'

export interface Component {
  kind: 'debian' | 'npm' | 'runtime'
  name: string
  version: string
  purl: string
  /** Names as its makers give them; empty if its copyright file tells them in free words only. */
  licences: string[]
  /** Where their texts lie in the image. */
  textAt: string
}

/** What dpkg has installed in a tree, sorted by name. */
export async function debianComponents(tree: string): Promise<Component[]> {
  const status = await readFile(join(tree, 'var/lib/dpkg/status'), 'utf8')
  const components: Component[] = []
  for (const paragraph of status.split('\n\n')) {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1]
    const [name, version, architecture] = [field('Package'), field('Version'), field('Architecture')]
    if (name === undefined || version === undefined || field('Status') !== 'install ok installed') continue
    const textAt = `/usr/share/doc/${name}/copyright`
    components.push({
      kind: 'debian',
      name,
      version,
      purl: `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}&distro=debian-12`,
      licences: licencesOf(await readFile(join(tree, textAt), 'utf8')),
      textAt,
    })
  }
  return components.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Of Debian's copyright file: its License fields (DEP 5), else the texts of /usr/share/common-licenses that it points to. */
export function licencesOf(copyright: string): string[] {
  const structured = /^Format: .*copyright-format/m.test(copyright)
  const pattern = structured ? /^License:[ \t]*(\S.*)$/gm : /\/usr\/share\/common-licenses\/([A-Za-z]+(?:-[\d.]*\d)?)/g
  const names = [...copyright.matchAll(pattern)].map(([, name = '']) => name.trim())
  // Some put the licence's text where its name belongs.
  return [...new Set(names.filter(name => name.length <= 60 && !/[,;.]$|this software/i.test(name)))].sort()
}

/** @param place of the release in the image */
export function npmComponents(packages: readonly ShippedPackage[], place: string): Component[] {
  return packages.map(({ directory, version, licence }) => {
    const name = directory.slice(directory.lastIndexOf('node_modules/') + 'node_modules/'.length)
    const [scope, plain] = name.startsWith('@') ? name.split('/') : [undefined, name]
    const path = scope === undefined ? plain : `${encodeURIComponent(scope)}/${plain}`
    return {
      kind: 'npm',
      name,
      version,
      purl: `pkg:npm/${path}@${version}`,
      licences: licence === undefined ? [] : [licence],
      textAt: `${place}/${directory}`,
    }
  })
}

/** Node.js: one binary, whose licence file covers what is linked into it. */
export function runtimeComponent(version: string, place: string): Component {
  return {
    kind: 'runtime',
    name: 'node',
    version,
    purl: `pkg:generic/node@${version}?arch=x64&os=linux`,
    licences: ['MIT'],
    textAt: `${place}/bin/LICENSE`,
  }
}

/** Debian's short names that mean the same as an SPDX identifier, and those that are one. */
const spdx: Readonly<Record<string, string>> = {
  'Apache-2': 'Apache-2.0',
  'Apache-2.0': 'Apache-2.0',
  'BSD-2-clause': 'BSD-2-Clause',
  'BSD-2-Clause': 'BSD-2-Clause',
  'BSD-3-clause': 'BSD-3-Clause',
  'BSD-3-Clause': 'BSD-3-Clause',
  'CC0-1.0': 'CC0-1.0',
  'GPL-2': 'GPL-2.0-only',
  'GPL-2+': 'GPL-2.0-or-later',
  'GPL-3': 'GPL-3.0-only',
  'GPL-3+': 'GPL-3.0-or-later',
  'LGPL-2': 'LGPL-2.0-only',
  'LGPL-2+': 'LGPL-2.0-or-later',
  'LGPL-2.1': 'LGPL-2.1-only',
  'LGPL-2.1+': 'LGPL-2.1-or-later',
  'LGPL-3': 'LGPL-3.0-only',
  'LGPL-3+': 'LGPL-3.0-or-later',
  Expat: 'MIT',
  ISC: 'ISC',
  MIT: 'MIT',
  Zlib: 'Zlib',
}

/**
 * The document, as JSON. The same components and time give the same bytes.
 * @param product what they make up; `modifiedAt` in seconds since 1970
 */
export function cycloneDx(components: readonly Component[], product: { version: string; modifiedAt: number }): string {
  const serial = nameUuid(JSON.stringify([components, product]))
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    serialNumber: `urn:uuid:${serial}`,
    version: 1,
    metadata: {
      timestamp: new Date(product.modifiedAt * 1000).toISOString(),
      component: {
        type: 'firmware',
        'bom-ref': 'hoist',
        name: 'hoist',
        version: product.version,
        licenses: [{ license: { id: 'Apache-2.0' } }],
      },
    },
    components: components.map(({ kind, name, version, purl, licences, textAt }) => {
      const [scope, plain] = kind === 'npm' && name.startsWith('@') ? name.split('/') : [undefined, name]
      return {
        type: kind === 'npm' ? 'library' : kind === 'runtime' ? 'platform' : 'application',
        // npm may have a package twice.
        'bom-ref': `${purl}#${textAt}`,
        ...(scope === undefined ? {} : { group: scope }),
        name: plain,
        version,
        purl,
        ...(licences.length === 0 ? {} : { licenses: licences.map(licence => licenceOf(kind, licence)) }),
        properties: [{ name: 'hoist:licence-text', value: textAt }],
      }
    }),
  }
  return `${JSON.stringify(document, undefined, 2)}\n`
}

function licenceOf(kind: Component['kind'], licence: string) {
  if (kind === 'npm') return /\s/.test(licence) ? { expression: licence } : { license: { id: licence } }
  return { license: spdx[licence] === undefined ? { name: licence } : { id: spdx[licence] } }
}

/** A line a component: name, version, licences, and where their texts lie in the image. */
export function licenceList(components: readonly Component[]): string {
  return components
    .map(
      ({ name, version, licences, textAt }) =>
        `${name} ${version}: ${licences.join('; ') || 'see its text'} (${textAt})\n`,
    )
    .join('')
}
