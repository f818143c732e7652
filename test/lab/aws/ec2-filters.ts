// Filters and pages of EC2's Describe calls.
import { AwsError } from './aws-error.ts'
import type { Tag } from './snapshot-store.ts'

export type Filter = { Name?: string | undefined; Values?: string[] | undefined }
export type FilterFields<T> = Record<string, (item: T) => string | string[] | undefined>

/** Items that fit every filter; a filter that the call does not know is refused. `*` and `?` are wildcards. */
export function applyFilters<T extends { tags: Tag[] }>(
  items: T[],
  filters: Filter[] | undefined,
  fields: FilterFields<T>,
): T[] {
  const tests = (filters ?? []).map(filter => {
    const name = filter.Name ?? ''
    const read = fieldReader(name, fields)
    const patterns = (filter.Values ?? []).map(toPattern)
    return (item: T) => [read(item)].flat().some(value => value !== undefined && patterns.some(one => one.test(value)))
  })
  return items.filter(item => tests.every(test => test(item)))
}

function fieldReader<T extends { tags: Tag[] }>(
  name: string,
  fields: FilterFields<T>,
): (item: T) => string | string[] | undefined {
  if (name.startsWith('tag:')) return item => item.tags.filter(tag => tag.Key === name.slice(4)).map(tag => tag.Value)
  if (name === 'tag-key') return item => item.tags.map(tag => tag.Key)
  const read = fields[name]
  if (read === undefined) throw new AwsError('InvalidParameterValue', `The filter '${name}' is invalid`)
  return read
}

function toPattern(value: string): RegExp {
  const escaped = value
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.')
  return new RegExp(`^${escaped}$`, 's')
}

/** One page. Tokens are offsets, made unreadable so that nobody counts on it. */
export function page<T>(items: T[], input: { MaxResults?: number | undefined; NextToken?: string | undefined }) {
  const start = input.NextToken === undefined ? 0 : Number(Buffer.from(input.NextToken, 'base64url').toString())
  if (!Number.isInteger(start)) throw new AwsError('InvalidParameterValue', 'Invalid NextToken')
  if (input.MaxResults !== undefined && (input.MaxResults < 5 || input.MaxResults > 1000)) {
    throw new AwsError(
      'InvalidParameterValue',
      `Value ( ${input.MaxResults} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.`,
    )
  }
  const end = start + (input.MaxResults ?? items.length)
  const nextToken = end < items.length ? Buffer.from(String(end)).toString('base64url') : undefined
  return { items: items.slice(start, end), nextToken }
}
