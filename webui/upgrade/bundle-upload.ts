// The one bundle that this page uploads: it goes on while its user looks at other parts of the page.
import { api } from '../api.ts'
import { actOnUpgrade, live } from '../live.ts'
import { u } from '../locale/en-upgrade.ts'
import { ApiError, toApiError } from '../request.ts'
import { createStore } from '../store.ts'
import type { Sending } from '../upload.ts'

export interface BundleUpload {
  sending?: Sending & { name: string }
  /** Why the latest one failed. */
  error?: ApiError
}

export const bundleUpload = createStore<BundleUpload>({})

let cancel = new AbortController()

/** Resolves when it has ended; how, the stores say. One at a time. */
export async function uploadBundle(file: File): Promise<void> {
  if (bundleUpload.get().sending) return
  cancel = new AbortController()
  const { signal } = cancel
  const sending = { name: file.name, totalBytes: file.size, startedMs: performance.now() }
  const onProgress = (sentBytes: number) => bundleUpload.set({ sending: { ...sending, sentBytes } })
  onProgress(0)
  const refusedBefore = live.upgrade.get().data?.refused?.at
  const unfollow = endWithRefusal(cancel, refusedBefore)
  try {
    await actOnUpgrade(() => api.uploadBundle(file, { onProgress, signal }))
    bundleUpload.set({})
  } catch (thrown) {
    if (thrown === givenUp) bundleUpload.set({})
    else tell(toApiError(thrown), refusedBefore)
  } finally {
    unfollow()
  }
}

/** As long as the appliance has nothing newer to say: of most failures it tells everybody by itself. */
function tell(error: ApiError, refusedBefore: string | undefined): void {
  const isOld = () => {
    const { receiving, refused } = live.upgrade.get().data ?? {}
    return receiving !== undefined || (refused !== undefined && refused.at !== refusedBefore)
  }
  bundleUpload.set(isOld() ? {} : { error })
  if (isOld()) return
  const unfollow = live.upgrade.follow(() => {
    if (!isOld()) return
    unfollow()
    forgetFailure(error)
  })
}

export function forgetFailure(error: ApiError): void {
  if (bundleUpload.get().error === error) bundleUpload.set({})
}

/** The appliance forgets it first: else it would take it for a broken connection. */
export async function cancelBundleUpload(): Promise<void> {
  const ending = cancel
  // Where it cannot be told so, it sees that nothing comes any more.
  await api.cancelBundle().catch(() => undefined)
  ending.abort(givenUp)
}

const givenUp = Symbol('given up')

/** A browser hears an answer only when it has sent everything: that a bundle is not taken, the event stream says long before. */
function endWithRefusal(ending: AbortController, before: string | undefined): () => void {
  let begun = false
  return live.upgrade.follow(({ data }) => {
    // Signed out.
    if (!data) return ending.abort(givenUp)
    const { refused, receiving } = data
    if (receiving) {
      begun = receiving.from === 'upload'
      return
    }
    if (refused?.from === 'upload' && refused.at !== before)
      return ending.abort(new ApiError(refused.code, refused.message, refused.hint, 422))
    const { sending } = bundleUpload.get()
    if (begun && sending && sending.sentBytes < sending.totalBytes)
      ending.abort(new ApiError('RELEASE_INTERRUPTED', u.cancelledElsewhere, u.uploadAgain, 409))
  })
}
