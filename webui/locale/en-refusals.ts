// What the API's checks of a request's form refuse, in words that name the field: the page never shows a pattern.

/** Where the name of a field does not say what the page calls it. */
const fields: Readonly<Record<string, string>> = {
  accessKeyId: 'access key ID',
  assumeRoleArn: 'role to assume (ARN)',
  assumeRoleExternalId: 'external ID of the role',
  caPem: 'certificate of the authority (PEM)',
  certificatePem: 'certificate (PEM)',
  code: 'setup code',
  current: 'present password',
  importRoleName: 'role of VM Import',
  name: 'name',
  next: 'new password',
  proxyUrl: 'address of the proxy',
  url: 'address',
  username: 'user name',
}

const hint = 'Correct it, and try again.'

/** "secretAccessKey" as "secret access key"; "endpoints/s3" as "endpoints: s3". */
export function fieldWords(path: string): string {
  const parts = path.split('/').filter(part => part !== '' && !/^\d+$/.test(part))
  const words = parts.map(part => fields[part] ?? part.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`))
  return words.join(': ')
}

/** Why, where the reason means something to people. */
function reasonOf(refusal: string): string {
  const length = /must not have (fewer|more) than (\d+) (characters|items)/i.exec(refusal)
  if (length) {
    const [, side, count = '', what] = length
    if (side === 'fewer') return count === '1' ? 'It may not be empty.' : `It needs ${count} ${what} or more.`
    return `It may have ${count} ${what} at most.`
  }
  const bound = /must be ([<>]=?) (-?\d+)/.exec(refusal)
  if (bound) return `It must be ${bound[1]?.startsWith('<') ? 'at most' : 'at least'} ${bound[2]}.`
  return 'It has not the form that is needed.'
}

/** The refusal of a request's form in words; undefined when the message is a sentence of its own. */
export function refusalWords(message: string): { message: string; hint: string } | undefined {
  const match = /^(?:body|querystring|params|headers)(?:\/(\S+))? (must|schema) (.*)$/s.exec(message)
  if (!match) return undefined
  const [, path = '', , rest = ''] = match
  const missing = /^have required propert(?:y|ies) (.+?)(?:, (?:body|querystring|params|headers)\b.*)?$/s.exec(
    rest,
  )?.[1]
  const prefix = path === '' ? '' : `${fieldWords(path)}: `
  if (missing !== undefined) {
    const names = missing.split(', ').map(name => fieldWords(name.replaceAll("'", '')))
    return { message: `This is missing: ${prefix}${names.join(', ')}.`, hint: 'Fill it in, and try again.' }
  }
  if (path === '') return { message: 'The appliance does not take this as it was entered.', hint }
  return {
    message: `What was entered for "${fieldWords(path)}" is not taken. ${reasonOf(`must ${rest.split(', body')[0]}`)}`,
    hint,
  }
}

/** Somebody else is signed in, or nobody any more: what was asked for here was not done. */
export const doneElsewhere = {
  message: 'This was done in another window, or somebody else signed in there.',
  hint: 'Reload the page to see how it is now.',
}
