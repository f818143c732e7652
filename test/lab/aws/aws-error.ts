// The one error of the lab's AWS side: what a handler throws, and each protocol words in its own shape.

export class AwsError extends Error {
  readonly code: string
  readonly statusCode: number
  /** Extra members of a REST-JSON error (EBS direct's `Reason`). */
  readonly details: Record<string, string>

  constructor(code: string, message: string, statusCode = 400, details: Record<string, string> = {}) {
    super(message)
    this.name = code
    this.code = code
    this.statusCode = statusCode
    this.details = details
  }
}

/** EBS direct's ValidationException, with the Reason of its API reference. */
export function validationError(reason: string, message: string): AwsError {
  return new AwsError('ValidationException', message, 400, { Reason: reason })
}

export function invalidParameter(message: string): AwsError {
  return new AwsError('InvalidParameterValue', message)
}
