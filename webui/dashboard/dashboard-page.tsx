// Placeholder during the scaffold.
export function DashboardPage(_props: { part?: string }) { return <p>DashboardPage</p> }
