// The OVF descriptor (OVF 1.1): what vCenter reads to make the appliance's VM.
import { deploymentSizes, GUEST_OS, hardwareSection, NETWORK_NAME } from './hardware.ts'
import { properties, propertyElements } from './properties.ts'
import { element, formatXml, type XmlElement } from './xml.ts'

export const PRODUCT_NAME = 'Hoist'

export interface PackagedDisk {
  fileName: string
  fileBytes: number
  /** As the guest sees it. */
  capacityBytes: number
  /** Bytes of it that are not known to be zero: what a thin disk takes after the deployment. */
  populatedBytes: number
}

export interface DescriptorOptions {
  /** Of the product, `1.2.3`. */
  version: string
  /** Shown before the deployment, and to be accepted. */
  eula: string
  system: PackagedDisk
  data: PackagedDisk
}

const namespaces = {
  xmlns: 'http://schemas.dmtf.org/ovf/envelope/1',
  'xmlns:ovf': 'http://schemas.dmtf.org/ovf/envelope/1',
  'xmlns:rasd': 'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData',
  'xmlns:vmw': 'http://www.vmware.com/schema/ovf',
  'xmlns:vssd': 'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData',
}

const DISK_FORMAT = 'http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized'

/** @throws RangeError for a version that is none, or text that XML cannot hold. */
export function formatDescriptor({ version, eula, system, data }: DescriptorOptions): string {
  if (!/^\d+\.\d+\.\d+(-[\w.]+)?(\+[\w.]+)?$/.test(version))
    throw new RangeError(`"${version}" is no version like 1.2.3`)
  const disks = [
    { ...system, diskId: 'system', label: 'System disk' },
    { ...data, diskId: 'data', label: 'Data disk' },
  ]
  return formatXml(
    element('Envelope', namespaces, [
      element(
        'References',
        {},
        disks.map(({ diskId, fileName, fileBytes }) =>
          element('File', { 'ovf:href': fileName, 'ovf:id': `${diskId}-file`, 'ovf:size': fileBytes }),
        ),
      ),
      element('DiskSection', {}, [
        element('Info', {}, 'Virtual disks'),
        ...disks.map(({ diskId, capacityBytes, populatedBytes }) =>
          element('Disk', {
            'ovf:capacity': capacityBytes,
            'ovf:capacityAllocationUnits': 'byte',
            'ovf:diskId': diskId,
            'ovf:fileRef': `${diskId}-file`,
            'ovf:format': DISK_FORMAT,
            'ovf:populatedSize': populatedBytes,
          }),
        ),
      ]),
      element('NetworkSection', {}, [
        element('Info', {}, 'Logical networks'),
        element('Network', { 'ovf:name': NETWORK_NAME }, [
          element('Description', {}, 'Reaches vCenter, the ESXi hosts, DNS, time and AWS; browsers reach it.'),
        ]),
      ]),
      deploymentOptions(),
      element('VirtualSystem', { 'ovf:id': PRODUCT_NAME }, [
        element('Info', {}, 'The appliance'),
        element('Name', {}, PRODUCT_NAME),
        element('OperatingSystemSection', { 'ovf:id': GUEST_OS.cim, 'vmw:osType': GUEST_OS.vmware }, [
          element('Info', {}, 'The guest operating system'),
          element('Description', {}, 'Debian GNU/Linux 12 (64-bit)'),
        ]),
        hardwareSection(PRODUCT_NAME, disks),
        element('ProductSection', {}, [
          element('Info', {}, 'The product and its settings'),
          element('Product', {}, PRODUCT_NAME),
          element('Vendor', {}, PRODUCT_NAME),
          element('Version', {}, version),
          element('FullVersion', {}, version),
          ...propertyElements(properties),
        ]),
        element('AnnotationSection', {}, [
          element('Info', {}, 'What this VM is'),
          element('Annotation', {}, `${PRODUCT_NAME} ${version}: replicates VMware servers to AWS, without agents.`),
        ]),
        element('EulaSection', {}, [element('Info', {}, 'Licence'), element('License', {}, eula)]),
      ]),
    ]),
  )
}

function deploymentOptions(): XmlElement {
  return element('DeploymentOptionSection', {}, [
    element('Info', {}, 'Sizes'),
    ...deploymentSizes.map(({ id, label, description }, index) =>
      element('Configuration', { 'ovf:id': id, 'ovf:default': index === 0 ? true : undefined }, [
        element('Label', {}, label),
        element('Description', {}, description),
      ]),
    ),
  ])
}
