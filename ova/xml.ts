// XML as a small tree, and its text: everything that goes in is escaped, and what XML cannot hold is refused.

export interface XmlElement {
  name: string
  attributes: Readonly<Record<string, string | number | boolean>>
  /** Either elements or one text; XML's mixed content is not needed here. */
  children: readonly XmlElement[] | string
}

/** An element; an attribute that is undefined is left out. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number | boolean | undefined>> = {},
  children: readonly XmlElement[] | string | number = [],
): XmlElement {
  const given = Object.entries(attributes).filter((entry): entry is [string, string | number | boolean] => {
    return entry[1] !== undefined
  })
  return {
    name,
    attributes: Object.fromEntries(given),
    children: typeof children === 'number' ? String(children) : children,
  }
}

/**
 * The document as text, in UTF-8 and with a line for each element. Text is kept as it is, line ends included.
 * @throws RangeError for a name or a character that XML 1.0 does not allow.
 */
export function formatXml(root: XmlElement): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${formatElement(root, '')}`
}

function formatElement({ name, attributes, children }: XmlElement, indent: string): string {
  const opening = [checkedName(name)]
  for (const [key, value] of Object.entries(attributes)) {
    opening.push(`${checkedName(key)}="${escapeXml(String(value)).replace(/\n/g, '&#10;').replace(/\t/g, '&#9;')}"`)
  }
  const start = `${indent}<${opening.join(' ')}`
  if (children.length === 0) return `${start}/>\n`
  if (typeof children === 'string') return `${start}>${escapeXml(children)}</${name}>\n`
  const inside = children.map(child => formatElement(child, `${indent}  `)).join('')
  return `${start}>\n${inside}${indent}</${name}>\n`
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
}

/** @throws RangeError for control characters, lone surrogates, U+FFFE and U+FFFF: XML has no way to write them. */
export function escapeXml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not stand in XML
  const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u.exec(text)
  if (forbidden) {
    const code = forbidden[0].charCodeAt(0).toString(16).padStart(4, '0')
    throw new RangeError(`XML cannot hold the character U+${code.toUpperCase()} at ${forbidden.index}`)
  }
  return text.replace(/[&<>"\r]/g, character => entities[character] ?? character)
}

function checkedName(name: string): string {
  if (!/^([A-Za-z_][\w.-]*:)?[A-Za-z_][\w.-]*$/.test(name)) throw new RangeError(`"${name}" is no XML name`)
  return name
}
