// Requests of other sites' pages.
import t from 'tap'
import { refuseForeignOrigin } from '../../appliance/api/origin.ts'

const host = 'appliance.example:8443'

t.test('the own page, and what is no page, pass', async t => {
  for (const headers of [
    { host },
    { host, origin: `https://${host}` },
    { host: 'APPLIANCE.example:8443', origin: `https://${host}` },
    { host: 'appliance.example', origin: 'https://appliance.example' },
    { host: 'appliance.example:443', origin: 'https://appliance.example' },
    { host: '[::1]:8443', origin: 'https://[::1]:8443' },
    { host, 'sec-fetch-site': 'same-origin' },
    { host, 'sec-fetch-site': 'none' },
    {},
  ])
    t.doesNotThrow(() => refuseForeignOrigin(headers), JSON.stringify(headers))
})

t.test('any other origin does not', async t => {
  for (const headers of [
    { host, origin: 'https://evil.example' },
    { host, origin: 'https://appliance.example' },
    { host, origin: `http://${host}` },
    { host, origin: 'null' },
    { host, origin: '' },
    { host, origin: `https://${host}.evil.example` },
    { host, origin: `https://evil.example/https://${host}` },
    { host: `${host}@evil.example`, origin: 'https://evil.example' },
    { host: 'evil.example#', origin: 'https://evil.example' },
    { origin: `https://${host}` },
    { host: '', origin: 'https://' },
    { host, 'sec-fetch-site': 'cross-site' },
    { host, 'sec-fetch-site': 'same-site' },
    { host, 'sec-fetch-site': ['same-origin', 'none'] },
    { host, origin: `https://${host}`, 'sec-fetch-site': 'cross-site' },
  ])
    t.throws(() => refuseForeignOrigin(headers), { code: 'ORIGIN_REFUSED', statusCode: 403 }, JSON.stringify(headers))
})
