// The OVF environment as vCenter writes it (DSP0243, 9), and the CD-ROM that it is handed over on.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureTools, run } from '../lab/tools.ts'

const escaped = (text: string) =>
  text.replace(/[&<>"]/g, sign => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign] ?? sign)

/** vCenter names every property of the descriptor, those with an empty value too. */
export function ovfEnvironment(properties: Readonly<Record<string, string>>): string {
  const lines = Object.entries(properties).map(
    ([key, value]) => `         <Property oe:key="${escaped(key)}" oe:value="${escaped(value)}"/>`,
  )
  return `<?xml version="1.0" encoding="UTF-8"?>
<Environment
     xmlns="http://schemas.dmtf.org/ovf/environment/1"
     xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
     xmlns:oe="http://schemas.dmtf.org/ovf/environment/1"
     xmlns:ve="http://www.vmware.com/schema/ovfenv"
     oe:id=""
     ve:vCenterId="vm-1042">
   <PlatformSection>
      <Kind>VMware ESXi</Kind>
      <Version>8.0.2</Version>
      <Vendor>VMware, Inc.</Vendor>
      <Locale>en</Locale>
   </PlatformSection>
   <PropertySection>
${lines.join('\n')}
   </PropertySection>
   <ve:EthernetAdapterSection>
      <ve:Adapter ve:mac="00:50:56:9a:12:34" ve:network="VM Network" ve:unitNumber="7"/>
   </ve:EthernetAdapterSection>
</Environment>
`
}

/** Writes `ovf-env.xml` into a directory, and the CD-ROM that has it; returns the paths of both. */
export async function propertiesIso(
  directory: string,
  properties: Readonly<Record<string, string>>,
): Promise<{ xml: string; iso: string }> {
  await ensureTools(['ova'])
  const [xml, iso] = [join(directory, 'ovf-env.xml'), join(directory, 'properties.iso')]
  await writeFile(xml, ovfEnvironment(properties), { mode: 0o600 })
  await run('genisoimage', ['-quiet', '-R', '-J', '-V', 'OVF ENV', '-o', iso, xml])
  return { xml, iso }
}
