// Tags of EC2 resources: given at creation, set, read and removed.
import type { CreateTagsRequest, DeleteTagsRequest, DescribeTagsRequest, TagSpecification } from '@aws-sdk/client-ec2'
import { authorize, type Call, type ContextEntries, endDryRun } from './authorize.ts'
import { AwsError, invalidParameter } from './aws-error.ts'
import type { Lab } from './config.ts'
import { applyFilters, page } from './ec2-filters.ts'
import type { Tag } from './snapshot-store.ts'

type Tagged = { id: string; arn: string; type: string; tags: Tag[] }

/** The tags that a creating call gives to one type of resource; any other type is refused. */
export function requestedTags(specifications: TagSpecification[] | undefined, resourceType: string): Tag[] {
  const tags: Tag[] = []
  for (const specification of specifications ?? []) {
    if (specification.ResourceType !== resourceType) {
      throw invalidParameter(
        `'${specification.ResourceType}' is not a valid taggable resource type for this operation.`,
      )
    }
    for (const tag of specification.Tags ?? []) putTag(tags, { Key: tag.Key ?? '', Value: tag.Value ?? '' })
  }
  return tags
}

/** aws:RequestTag/… and aws:TagKeys. */
export function tagContext(tags: Tag[]): ContextEntries {
  if (tags.length === 0) return {}
  return {
    ...Object.fromEntries(tags.map(tag => [`aws:RequestTag/${tag.Key}`, tag.Value])),
    'aws:TagKeys': tags.map(tag => tag.Key),
  }
}

/** aws:ResourceTag/… and ec2:ResourceTag/…. */
export function resourceContext(tags: Tag[]): ContextEntries {
  return Object.fromEntries(
    tags.flatMap(tag => [
      [`aws:ResourceTag/${tag.Key}`, tag.Value],
      [`ec2:ResourceTag/${tag.Key}`, tag.Value],
    ]),
  )
}

/**
 * Permission to create resources, and to tag them in the same call: that needs ec2:CreateTags as well
 * (EC2 User Guide, "Grant permission to tag resources during creation").
 */
export function authorizeCreation(call: Call, arns: string[], taggedArn: string, tags: Tag[]): void {
  authorize(call, `ec2:${call.operation}`, arns, tagContext(tags))
  if (tags.length > 0) {
    authorize(call, 'ec2:CreateTags', taggedArn, { ...tagContext(tags), 'ec2:CreateAction': call.operation })
  }
}

/** Limits of EC2 User Guide, "Tag restrictions". */
function putTag(tags: Tag[], tag: Tag): void {
  if (tag.Key === '' || tag.Key.length > 128)
    throw invalidParameter(`Tag key '${tag.Key}' is not valid: 1 to 128 characters`)
  if (tag.Key.toLowerCase().startsWith('aws:')) {
    throw invalidParameter(
      `Value ( ${tag.Key} ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved for internal use`,
    )
  }
  if (tag.Value.length > 256) throw invalidParameter(`Tag value exceeds the maximum length of 256 characters`)
  const old = tags.find(one => one.Key === tag.Key)
  if (old !== undefined) old.Value = tag.Value
  else if (tags.length >= 50)
    throw new AwsError('TagLimitExceeded', 'The maximum number of Tags for a resource has been reached.')
  else tags.push(tag)
}

function taggedResources(lab: Lab): Tagged[] {
  const tasks = [...lab.imports.tasks.values()].map(task => ({
    id: task.id,
    arn: task.arn,
    type: task.kind === 'snapshot' ? 'import-snapshot-task' : 'import-image-task',
    tags: task.tags,
  }))
  return [
    ...lab.snapshots.all().map(({ id, arn, tags }) => ({ id, arn, type: 'snapshot', tags })),
    ...lab.images.all().map(({ id, arn, tags }) => ({ id, arn, type: 'image', tags })),
    ...tasks,
  ]
}

function taggedResource(lab: Lab, id: string): Tagged {
  const found = taggedResources(lab).find(one => one.id === id)
  if (found !== undefined) return found
  if (id.startsWith('snap-')) throw new AwsError('InvalidSnapshot.NotFound', `The snapshot '${id}' does not exist.`)
  if (id.startsWith('ami-')) throw new AwsError('InvalidAMIID.NotFound', `The image id '[${id}]' does not exist`)
  throw new AwsError('InvalidID', `The ID '${id}' is not valid`)
}

function createTags(input: CreateTagsRequest, call: Call) {
  const resources = (input.Resources ?? []).map(id => taggedResource(call.lab, id))
  const tags = (input.Tags ?? []).map(tag => ({ Key: tag.Key ?? '', Value: tag.Value ?? '' }))
  for (const resource of resources) {
    authorize(call, 'ec2:CreateTags', resource.arn, { ...tagContext(tags), ...resourceContext(resource.tags) })
  }
  endDryRun(input)
  for (const resource of resources) for (const tag of tags) putTag(resource.tags, { ...tag })
  return {}
}

/** A tag without a value goes whatever its value is; one with a value only if that fits. */
function deleteTags(input: DeleteTagsRequest, call: Call) {
  const resources = (input.Resources ?? []).map(id => taggedResource(call.lab, id))
  for (const resource of resources) authorize(call, 'ec2:DeleteTags', resource.arn, resourceContext(resource.tags))
  endDryRun(input)
  for (const resource of resources) {
    const kept = resource.tags.filter(
      tag =>
        input.Tags !== undefined &&
        !input.Tags.some(one => one.Key === tag.Key && (one.Value === undefined || one.Value === tag.Value)),
    )
    resource.tags.splice(0, resource.tags.length, ...kept)
  }
  return {}
}

function describeTags(input: DescribeTagsRequest, call: Call) {
  authorize(call, 'ec2:DescribeTags')
  endDryRun(input)
  const rows = taggedResources(call.lab).flatMap(({ id, type, tags }) =>
    tags.map(tag => ({ id, type, tag, tags: [tag] })),
  )
  const { items, nextToken } = page(
    applyFilters(rows, input.Filters, {
      key: row => row.tag.Key,
      value: row => row.tag.Value,
      'resource-id': row => row.id,
      'resource-type': row => row.type,
    }),
    input,
  )
  return {
    Tags: items.map(row => ({ Key: row.tag.Key, Value: row.tag.Value, ResourceId: row.id, ResourceType: row.type })),
    NextToken: nextToken,
  }
}

export const tagOperations = { CreateTags: createTags, DeleteTags: deleteTags, DescribeTags: describeTags }
