// Placeholder during the scaffold.
export function ConnectorsPage(_props: { part?: string }) { return <p>ConnectorsPage</p> }
