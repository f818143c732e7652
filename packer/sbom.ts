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
  /** Names as its makers give them. */
  licences: string[]
  /** Where their texts lie in the image. */
  textAt: string
  /** The text itself, where `textAt` has that of others too. */
  text?: string
  /** What is linked into it. */
  parts?: Part[]
}

export interface Part {
  name: string
  version?: string
  licences: string[]
  text?: string
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
      licences: inWords[name] ?? licencesOf(await readFile(join(tree, textAt), 'utf8')),
      textAt,
    })
  }
  return components.sort((a, b) => (a.name < b.name ? -1 : 1))
}

// Of libxslt and xmlsec: MIT's text, and a sentence like X11's.
const mitWithNames = 'MIT, and the names of its authors are not to be used in advertising'

/** Packages whose copyright file names no licence in a form that `licencesOf` reads; read by hand, in Debian 12's (/usr/share/doc/NAME/copyright). */
const inWords: Readonly<Record<string, string[]>> = {
  // "The overall license for libxcrypt is the GNU Lesser General Public License, version 2.1 (or, at your option, any later
  // version)"; after that a list of files under others.
  libcrypt1: ['LGPL-2.1+', 'BSD-3-clause', 'BSD-2-clause', '0BSD', 'public-domain'],
  // "Permission is hereby granted, free of charge, to any person obtaining a copy ...", once for each holder.
  libdrm2: ['MIT'],
  'libdrm-common': ['MIT'],
  // The same words; then "Except as contained in this notice, the name of ... shall not be used in advertising".
  libxmlsec1: [mitWithNames],
  'libxmlsec1-openssl': [mitWithNames],
  'libxslt1.1': [mitWithNames],
  // "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2", then those of BeOpen.com, CNRI and CWI: what SPDX calls Python-2.0.
  python3: ['Python-2.0'],
  'python3-minimal': ['Python-2.0'],
  'libpython3-stdlib': ['Python-2.0'],
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

/**
 * Node.js: one binary, and what is linked into it.
 * @param licence its licence file, which has the text of each
 * @param versions as the binary's own process.versions
 */
export function runtimeComponent(
  version: string,
  place: string,
  licence: string,
  versions: Readonly<Record<string, string>>,
): Component {
  const [own = '', ...sections] = licence.split(/^(?=- .+, located at .+, is licensed as follows:$)/m)
  const parts: Part[] = sections.flatMap(section => {
    const [, name = '', at = ''] = /^- (.+), located at (.+), is licensed/.exec(section) ?? []
    if (notLinked.test(at)) return []
    const text = section.trim()
    return [
      { name, ...versionOf(versions[partNames[name] ?? name.toLowerCase()]), licences: licencesInText(text), text },
    ]
  })
  for (const [name, licence] of Object.entries(notInLicence))
    if (versions[name] !== undefined) parts.push({ name, ...versionOf(versions[name]), licences: [licence] })
  return {
    kind: 'runtime',
    name: 'node',
    version,
    purl: `pkg:generic/node@${version}?arch=x64&os=linux`,
    licences: licencesInText(own),
    textAt: `${place}/bin/LICENSE`,
    text: own.trim(),
    parts,
  }
}

/** What its licence file covers beyond the binary: tools of its build, its tests, and npm. */
const notLinked = /^(tools|test)\/|^deps\/(npm|corepack|googletest)\b/
/** Of the licence file, where process.versions calls it something else. */
const partNames: Readonly<Record<string, string>> = { 'c-ares': 'ares', libuv: 'uv' }

/** Linked in too, says process.versions, but its licence file leaves them out: licences as their own projects state them. */
const notInLicence: Readonly<Record<string, string>> = {
  libffi: 'MIT',
  nbytes: 'MIT',
  ncrypto: 'MIT',
  sqlite: 'blessing',
}

/** Of some parts it knows an empty one. */
const versionOf = (version: string | undefined) => (version ? { version } : {})

/** SPDX identifiers by words that only they have. A text may have several: ICU's does. */
const texts: readonly [licence: string, words: RegExp][] = [
  ['Apache-2.0', /Apache License,?\s+Version 2\.0/],
  ['Artistic-2.0', /The Artistic License 2\.0/],
  ['BlueOak-1.0.0', /Blue Oak Model License/],
  ['BSD-3-Clause', /Redistribution and use in source and binary forms.*?(Neither the name|The names? )/],
  ['BSD-2-Clause', /Redistribution and use in source and binary forms(?!.*?(Neither the name|The names? ))/],
  ['CC0-1.0', /CC0|publicdomain\/zero|have dedicated all copyright/],
  ['ISC', /Permission to use, copy, modify,? and(\/or)? distribute this software/],
  ['MIT', /Permission is hereby granted, free of charge, to any person/],
  ['Unicode-3.0', /UNICODE LICENSE V3/],
  ['Zlib', /This software is provided 'as-is', without any express or implied/],
]

export function licencesInText(text: string): string[] {
  const plain = text.replace(/[\s#*]+/g, ' ')
  return texts.filter(([, words]) => words.test(plain)).map(([licence]) => licence)
}

/** Of components and their parts, those that no licence is known of. */
export function withoutLicence(components: readonly Component[]): string[] {
  return components.flatMap(({ name, licences, parts = [] }) => [
    ...(licences.length === 0 ? [name] : []),
    ...parts.filter(part => part.licences.length === 0).map(part => `${name}: ${part.name}`),
  ])
}

/** Debian's short names that mean the same as an SPDX identifier, and those that are one. */
const spdx: Readonly<Record<string, string>> = {
  '0BSD': '0BSD',
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
  'Python-2.0': 'Python-2.0',
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
    components: components.map(({ kind, name, version, purl, licences, textAt, text, parts }) => {
      const [scope, plain] = kind === 'npm' && name.startsWith('@') ? name.split('/') : [undefined, name]
      return {
        type: kind === 'npm' ? 'library' : kind === 'runtime' ? 'platform' : 'application',
        // npm may have a package twice.
        'bom-ref': `${purl}#${textAt}`,
        ...(scope === undefined ? {} : { group: scope }),
        name: plain,
        version,
        purl,
        licenses: withText(
          licences.map(licence => licenceOf(kind, licence)),
          text,
        ),
        properties: [{ name: 'hoist:licence-text', value: textAt }],
        ...(parts === undefined ? {} : { components: parts.map(part => partOf(part, `${purl}#${textAt}`)) }),
      }
    }),
  }
  return `${JSON.stringify(document, undefined, 2)}\n`
}

type Licence = { expression: string } | { license: { id?: string; name?: string; text?: object } }

function licenceOf(kind: Component['kind'], licence: string): Licence {
  if (kind === 'npm') return /\s/.test(licence) ? { expression: licence } : { license: { id: licence } }
  const id = kind === 'runtime' ? licence : spdx[licence]
  return { license: id === undefined ? { name: licence } : { id } }
}

function partOf({ name, version, licences, text }: Part, parent: string) {
  return {
    type: 'library',
    'bom-ref': `${parent}#${name}`,
    name,
    ...(version === undefined ? {} : { version }),
    licenses: withText(
      licences.map(licence => licenceOf('runtime', licence)),
      text,
    ),
  }
}

/** Once: it is the text of all of them. */
function withText([first, ...others]: Licence[], text: string | undefined): Licence[] {
  if (first === undefined) return []
  if (text === undefined || 'expression' in first) return [first, ...others]
  return [{ license: { ...first.license, text: { contentType: 'text/plain', content: text } } }, ...others]
}

/** A line a component, and one for each of its parts: name, version, licences, and where their texts lie in the image. */
export function licenceList(components: readonly Component[]): string {
  return components
    .flatMap(({ name, version, licences, textAt, parts = [] }) => [
      `${name} ${version}: ${licences.join('; ')} (${textAt})\n`,
      ...parts.map(part =>
        [
          `${name} ${version} with ${part.name}${part.version === undefined ? '' : ` ${part.version}`}: `,
          `${part.licences.join('; ')} (${part.text === undefined ? 'its text is with its own project' : textAt})\n`,
        ].join(''),
      ),
    ])
    .join('')
}
