// The image is known by the link to its release.
import t from 'tap'
import { isApplianceImage } from '../../appliance/health/appliance-image.ts'

t.test(
  'a machine with the link to a release is the image, also while that release is away; another is not',
  async t => {
    t.equal(
      await isApplianceImage(t.testdir({ opt: { hoist: { current: t.fixture('symlink', 'releases/1.2.3') } } })),
      true,
    )
    t.equal(await isApplianceImage(t.testdir({ opt: { hoist: { current: {} } } })), false)
    t.equal(await isApplianceImage(t.testdir({})), false)
  },
)
