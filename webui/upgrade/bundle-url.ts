// Addresses that bundles may be fetched from.

/** Whether the appliance would take it: https, without a user name, blanks or what is no ASCII. */
export function mayBeBundleUrl(text: string): boolean {
  const url = /^https:\/\/[\x21-\x7e]+$/.test(text) ? URL.parse(text) : null
  return url !== null && url.username === '' && url.password === ''
}
