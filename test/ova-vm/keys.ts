// Text as the keys of a US keyboard, by the names of qemu's sendkey.

const shifted: Readonly<Record<string, string>> = Object.fromEntries(
  [...'!@#$%^&*()'].map((sign, index) => [sign, `shift-${(index + 1) % 10}`]),
)
const named: Readonly<Record<string, string>> = {
  ...shifted,
  ' ': 'spc',
  '\n': 'ret',
  '\t': 'tab',
  '\u001b': 'esc',
  '\u007f': 'backspace',
  '-': 'minus',
  _: 'shift-minus',
  '=': 'equal',
  '+': 'shift-equal',
  '.': 'dot',
  ',': 'comma',
  '/': 'slash',
  '?': 'shift-slash',
  ';': 'semicolon',
  ':': 'shift-semicolon',
}

/** @throws RangeError for what has no key here */
export function keysOf(text: string): string[] {
  return [...text].map(sign => {
    if (/^[a-z0-9]$/.test(sign)) return sign
    if (/^[A-Z]$/.test(sign)) return `shift-${sign.toLowerCase()}`
    const name = named[sign]
    if (name === undefined) throw new RangeError(`no key is known for ${JSON.stringify(sign)}`)
    return name
  })
}
