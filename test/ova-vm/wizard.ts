// The setup in a browser, by mouse and keyboard as an admin does it: from the setup code to the dashboard.
import type { Page } from 'playwright-core'
import type { LabOutside } from './lab-outside.ts'

export const administrator = { name: 'admin', password: 'seven quiet lanterns by the harbour' }

/** An emulated machine hashes passwords and signs requests slowly. */
const stepMs = 120_000

export interface WizardOptions {
  address: string
  setupCode: string
  outside: LabOutside
}

/** Resolves on the dashboard of an appliance that is registered on both sides. */
export async function completeWizard(page: Page, { address, setupCode, outside }: WizardOptions): Promise<void> {
  const { lab, vcenterHost, awsEndpoint } = outside
  page.setDefaultTimeout(stepMs)
  const heading = (name: string) => page.getByRole('heading', { name, exact: true, level: 2 }).waitFor()
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
  const fill = (label: string, text: string) => page.getByRole('textbox', { name: label, exact: true }).fill(text)

  await page.goto(address, { timeout: stepMs })
  await fill('Setup code', setupCode)
  await page.keyboard.press('Enter')

  await heading('Licence')
  await page.getByRole('checkbox').check()
  await press('Next')

  await heading('Password')
  await fill('User name', administrator.name)
  await fill('Password', administrator.password)
  await fill('Password again', administrator.password)
  await press('Next')

  await heading('Network and time')
  await page.getByText('Host name').first().waitFor()
  await press('Next')

  await heading('Log uploads and upgrades')
  await press('Next')

  await heading('AWS Region and credentials')
  await page
    .getByRole('combobox', { name: 'Region' })
    .or(page.getByLabel('Region', { exact: true }))
    .first()
    .fill(lab.aws.region)
  await page.keyboard.press('Escape')
  await fill('Access key ID', lab.aws.connector.accessKeyId)
  await fill('Secret access key', lab.aws.connector.secretAccessKey)
  await page.getByText('Role, import role and private endpoints').click()
  await page.getByLabel(/^One private endpoint for all services/).fill(awsEndpoint)
  await press('Save and check')
  await page.getByText('No permission is missing.').waitFor()
  await press('Create the bucket now')
  await page.getByText(/^The bucket is /).waitFor()
  await press('Next')

  await heading('vCenter')
  await fill('vCenter', vcenterHost)
  await press('Show its certificate')
  await page.getByText(lab.vcenter.thumbprintSha256).waitFor()
  await page.getByLabel(/^I have compared the thumbprint/).check()
  await fill('User name', lab.vcenter.connector.username)
  await fill('Password', lab.vcenter.connector.password)
  await page.keyboard.press('Enter')

  await heading('Checks')
  await page.getByText('Amazon S3 endpoint').waitFor()
  await press('Next')

  await heading('Review and register')
  await press('Register')
  await page.getByRole('heading', { name: 'Dashboard', level: 1 }).waitFor()
}
