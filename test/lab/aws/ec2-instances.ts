// EC2's instances, as far as they matter to images: what the control port adds is described, and launches nothing.
import type { DescribeInstancesRequest } from '@aws-sdk/client-ec2'
import { authorize, type Call, endDryRun } from './authorize.ts'
import { AwsError } from './aws-error.ts'
import { newId } from './config.ts'
import { applyFilters, page } from './ec2-filters.ts'
import type { Tag } from './snapshot-store.ts'

/** Codes of EC2 API Reference, InstanceState. */
const stateCodes = { pending: 0, running: 16, 'shutting-down': 32, terminated: 48, stopping: 64, stopped: 80 }
export type InstanceState = keyof typeof stateCodes

export type Instance = { id: string; imageId: string; state: InstanceState; launchedAt: Date; tags: Tag[] }

export class InstanceStore {
  private readonly instances = new Map<string, Instance>()

  /** Adds one, or puts the one with this id into another state. */
  put(wanted: { id?: string; imageId?: string; state?: string }, nowMs: number): Instance {
    const { id = newId('i'), state = 'running' } = wanted
    if (!isState(state)) throw new AwsError('BadRequest', `there is no instance state ${state}`)
    const known = this.instances.get(id)
    const imageId = wanted.imageId ?? known?.imageId
    if (imageId === undefined) throw new AwsError('BadRequest', 'imageId is missing')
    const instance = { id, imageId, state, launchedAt: known?.launchedAt ?? new Date(nowMs), tags: [] }
    this.instances.set(id, instance)
    return instance
  }

  get(id: string): Instance {
    const found = this.instances.get(id)
    if (found === undefined) {
      throw new AwsError('InvalidInstanceID.NotFound', `The instance ID '${id}' does not exist`)
    }
    return found
  }

  all(): Instance[] {
    return [...this.instances.values()]
  }
}

function isState(state: string): state is InstanceState {
  return Object.hasOwn(stateCodes, state)
}

function describeInstances(input: DescribeInstancesRequest, call: Call) {
  authorize(call, 'ec2:DescribeInstances')
  endDryRun(input)
  const { instances, accountId } = call.lab
  if (input.InstanceIds?.length && input.MaxResults !== undefined) {
    throw new AwsError(
      'InvalidParameterCombination',
      'The parameter instancesSet cannot be used with the parameter maxResults',
    )
  }
  const asked = input.InstanceIds?.length ? input.InstanceIds.map(id => instances.get(id)) : instances.all()
  const found = applyFilters(asked, input.Filters, {
    'instance-id': instance => instance.id,
    'image-id': instance => instance.imageId,
    'instance-state-name': instance => instance.state,
    'instance-state-code': instance => String(stateCodes[instance.state]),
    'owner-id': () => accountId,
  })
  const { items, nextToken } = page(found, input)
  return {
    Reservations: items.map(({ id, imageId, state, launchedAt, tags }) => ({
      ReservationId: id.replace(/^i-/, 'r-'),
      OwnerId: accountId,
      Instances: [
        {
          InstanceId: id,
          ImageId: imageId,
          State: { Code: stateCodes[state], Name: state },
          LaunchTime: launchedAt,
          Tags: tags,
        },
      ],
    })),
    NextToken: nextToken,
  }
}

export const instanceOperations = { DescribeInstances: describeInstances }
