// Partial changes of stored documents.

type OptionalKeys<T> = { [K in keyof T]-?: Record<never, never> extends Pick<T, K> ? K : never }[keyof T]

/** Fields to change; `undefined` removes an optional field. */
export type Patch<T> = { [K in keyof T]?: K extends OptionalKeys<T> ? T[K] | undefined : T[K] }

/** The document with the patch applied; neither argument is changed. */
export function applyPatch<T extends object>(document: T, patch: Patch<T>): T {
  const changed: Partial<T> = { ...document }
  for (const key of Object.keys(patch) as (keyof T)[]) {
    const value = patch[key]
    if (value === undefined) delete changed[key]
    else changed[key] = value as T[keyof T]
  }
  return changed as T
}
