// Placeholder during the scaffold.
export function AuditPage(_props: { part?: string }) { return <p>AuditPage</p> }
