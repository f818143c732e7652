// Placeholder during the scaffold.
export function SetupPage(_props: { part?: string }) { return <p>SetupPage</p> }
